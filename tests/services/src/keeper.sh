# Runs one service for the process at the other end of stdin: `start` and `kill` are its words. When that process ends, however it
# ends, stdin closes: the service is killed and its folder goes.
folder=$1
shift
group=
stop() {
  [ -n "$group" ] && kill -KILL "-$group" 2>/dev/null
  wait
  group=
}
while read -r word; do
  case $word in
    start) setsid "$@" >>"$folder/log" 2>&1 </dev/null & group=$! ;;
    kill) stop ;;
  esac
  echo "$word"
done
stop
rm -rf "$folder"

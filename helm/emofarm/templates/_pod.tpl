{{- /* Where the stores are; secrets by reference only. */ -}}
{{- define "emofarm.storeEnv" -}}
- name: EMOFARM_LEDGER_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.stores.ledger.existingSecret }}, key: {{ .Values.stores.ledger.secretKey }}}
- name: EMOFARM_QUEUE_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.stores.queue.existingSecret }}, key: {{ .Values.stores.queue.secretKey }}}
- name: EMOFARM_BLOBS_URL
  value: {{ .Values.stores.blobs.url | quote }}
{{- with .Values.stores.blobs.existingSecret }}
- name: AWS_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: AWS_ACCESS_KEY_ID}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: AWS_SECRET_ACCESS_KEY}
{{- end }}
{{- range $name, $value := .Values.settings }}
- name: EMOFARM_{{ $name | upper }}
  value: {{ $value | quote }}
{{- end }}
- name: EMOFARM_DATA_DIR
  value: /var/lib/emofarm
- name: TMPDIR
  value: /var/lib/emofarm
{{- if ne .Values.weights.source "none" }}
- name: EMOFARM_MODEL_PATH
  value: {{ printf "%s:/usr/share/emofarm/models" .Values.weights.mountPath }}
{{- end }}
{{- end -}}

{{- /* Parts of a pod that every component has: (dict "root" $ "component" "worker" "part" $values "labels" "…"). */ -}}
{{- define "emofarm.podMeta" -}}
labels:
  {{- include "emofarm.labels" . | nindent 2 }}
  {{- with .part.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .part.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "emofarm.podPlace" -}}
{{- if .costs }}
serviceAccountName: {{ include "emofarm.fullname" .root }}-scaled-worker
automountServiceAccountToken: true
{{- else }}
serviceAccountName: {{ include "emofarm.serviceAccountName" .root }}
automountServiceAccountToken: false
{{- end }}
terminationGracePeriodSeconds: {{ .part.terminationGracePeriodSeconds }}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .part.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .part.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "emofarm.volumes" -}}
- name: scratch
  emptyDir:
    sizeLimit: {{ .part.scratchSize }}
{{- if .weights }}
{{- $weights := .root.Values.weights }}
{{- if eq $weights.source "image" }}
- name: weights
  image:
    reference: {{ required "weights.image.reference names the OCI image with the packs" $weights.image.reference }}
    pullPolicy: {{ $weights.image.pullPolicy }}
{{- else if eq $weights.source "pvc" }}
- name: weights
  persistentVolumeClaim:
    claimName: {{ required "weights.pvc.existingClaim names the claim with the packs" $weights.pvc.existingClaim }}
    readOnly: true
{{- else if eq $weights.source "hostPath" }}
- name: weights
  hostPath:
    path: {{ required "weights.hostPath.path names the directory with the packs" $weights.hostPath.path }}
    type: Directory
{{- else if eq $weights.source "s3" }}
- name: weights
  emptyDir:
    sizeLimit: {{ $weights.s3.size }}
{{- end }}
{{- end }}
{{- with .part.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "emofarm.mounts" -}}
- name: scratch
  mountPath: /var/lib/emofarm
{{- if and .weights (ne .root.Values.weights.source "none") }}
- name: weights
  mountPath: {{ .root.Values.weights.mountPath }}
  readOnly: true
{{- end }}
{{- with .part.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* Copies the packs from S3 before the program starts. */ -}}
{{- define "emofarm.weightsInit" -}}
{{- $s3 := .Values.weights.s3 -}}
- name: weights
  image: {{ $s3.image }}
  args: [s3, sync, --no-progress, {{ required "weights.s3.uri names where the packs are" $s3.uri | quote }}, {{ .Values.weights.mountPath | quote }}{{ with $s3.endpoint }}, --endpoint-url, {{ . | quote }}{{ end }}]
  env:
    - name: HOME
      value: /tmp
    {{- with .Values.stores.blobs.existingSecret }}
    - name: AWS_ACCESS_KEY_ID
      valueFrom:
        secretKeyRef: {name: {{ . }}, key: AWS_ACCESS_KEY_ID}
    - name: AWS_SECRET_ACCESS_KEY
      valueFrom:
        secretKeyRef: {name: {{ . }}, key: AWS_SECRET_ACCESS_KEY}
    {{- end }}
  securityContext:
    {{- toYaml .Values.containerSecurityContext | nindent 4 }}
  resources:
    requests: {cpu: 250m, memory: 256Mi}
    limits: {cpu: "2", memory: 1Gi}
  volumeMounts:
    - name: weights
      mountPath: {{ .Values.weights.mountPath }}
    - name: scratch
      mountPath: /tmp
      subPath: aws
{{- end -}}

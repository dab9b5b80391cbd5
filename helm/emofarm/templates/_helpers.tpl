{{- define "emofarm.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "emofarm.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "emofarm.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "emofarm.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Labels by which pods are found: (dict "root" $ "component" "worker" "pool" "a100"). They never change. */ -}}
{{- define "emofarm.selectorLabels" -}}
app.kubernetes.io/name: {{ include "emofarm.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .pool }}
emofarm/pool: {{ . }}
{{- end }}
{{- end -}}

{{- define "emofarm.labels" -}}
{{ include "emofarm.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* An image: (dict "root" $ "image" $pool.image), what is empty comes from .Values.image. */ -}}
{{- define "emofarm.image" -}}
{{- $common := .root.Values.image -}}
{{- $image := default dict .image -}}
{{- $repository := default $common.repository $image.repository -}}
{{- $name := ternary (printf "%s/%s" $common.registry $repository) $repository (ne $common.registry "") -}}
{{- $own := ne (default "" $image.repository) "" -}}
{{- $digest := ternary (default "" $image.digest) $common.digest $own -}}
{{- if $digest -}}
{{- printf "%s@%s" $name $digest -}}
{{- else -}}
{{- printf "%s:%s" $name (coalesce $image.tag $common.tag .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "emofarm.serviceAccountName" -}}
{{- default (ternary (include "emofarm.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- /* A pool's values: workerDefaults with what the pool says on top. */ -}}
{{- define "emofarm.pool" -}}
{{- mergeOverwrite (deepCopy .root.Values.workerDefaults) (default dict .pool) | toYaml -}}
{{- end -}}

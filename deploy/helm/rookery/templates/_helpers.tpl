{{- define "rookery.name" -}}
{{- if contains "rookery" .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-rookery" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "rookery.selector" -}}
app.kubernetes.io/name: rookery
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rookery.labels" -}}
{{ include "rookery.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "rookery.claim" -}}
{{- .Values.models.volume.existingClaim | default (printf "%s-models" (include "rookery.name" .)) -}}
{{- end -}}

{{- /* The text of a value: Helm reads whole numbers as floating-point ones. */ -}}
{{- define "rookery.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}
{{- printf "%.0f" . | quote -}}
{{- else -}}
{{- . | toString | quote -}}
{{- end -}}
{{- end -}}

{{- /* Settings that the chart decides, and what to do instead: a variable may be there once only. */ -}}
{{- define "rookery.owners" -}}
INFERENCE_API_KEYS_FILE: set keys.secret
INFERENCE_ALLOW_ANONYMOUS: set keys.secret, or leave it empty
INFERENCE_DRAIN_SECONDS: set drainSeconds
INFERENCE_SHUTDOWN_SECONDS: set shutdownSeconds
INFERENCE_GRPC_PORT: set grpc.enabled
INFERENCE_MODELS_URL: set models.bucket.modelsUrl
INFERENCE_STATE_URL: set models.bucket.stateUrl
AIP_HTTP_PORT: the probes need 8000; callers see service.port
INFERENCE_PORT: the probes need 8000; callers see service.port
INFERENCE_UNIX_SOCKET: the probes need a port
INFERENCE_MODELS_DIR: the volume is at /models
INFERENCE_STATE_DIR: the volume is at /state
{{- end -}}

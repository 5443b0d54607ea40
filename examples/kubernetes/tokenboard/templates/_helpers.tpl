{{- define "tokenboard.name" -}}
{{- if contains "tokenboard" .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-tokenboard" .Release.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "tokenboard.selector" -}}
app.kubernetes.io/name: tokenboard
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tokenboard.labels" -}}
{{ include "tokenboard.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "tokenboard.secret" -}}
{{- if .Values.secret.existing }}{{ .Values.secret.existing }}{{ else }}{{ include "tokenboard.name" . }}{{ end }}
{{- end }}

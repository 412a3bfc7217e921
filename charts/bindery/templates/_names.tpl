{{/* Names are fixed: there must never be operators of two releases in a cluster, and helm refuses a second release that owns the same objects. */}}

{{- define "bindery.serviceAccount" -}}
{{- .Values.serviceAccount.name | default "bindery" -}}
{{- end }}

{{- define "bindery.image" -}}
{{- with .Values.image -}}
{{- if not .repository -}}
{{- fail "image.repository is empty, so the image is not known: name the repository that you pushed it to, for example registry.example.com/bindery" -}}
{{- end -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What selects the pod. Never changed: a Deployment's selector cannot be. */}}
{{- define "bindery.selector" -}}
app.kubernetes.io/name: bindery
{{- end }}

{{/* What no value overrides. */}}
{{- define "bindery.ownLabels" -}}
{{- dict
  "app.kubernetes.io/name" "bindery"
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")
  | toYaml
-}}
{{- end }}

{{- define "bindery.labels" -}}
{{- merge (include "bindery.ownLabels" . | fromYaml) .Values.labels | toYaml -}}
{{- end }}

{{/* The operator's account, as grants name it. */}}
{{- define "bindery.subject" -}}
kind: ServiceAccount
name: {{ include "bindery.serviceAccount" . | quote }}
namespace: {{ .Release.Namespace | quote }}
{{- end }}

{{/*
An object that is generated from the operator's code, with the release's labels: call with (list $ FILE ANNOTATIONS).
*/}}
{{- define "bindery.generated" -}}
{{- $root := index . 0 -}}
{{- $object := $root.Files.Get (index . 1) | fromYaml -}}
{{- $labels := include "bindery.labels" $root | fromYaml -}}
{{- $_ := set $object.metadata "labels" (merge ($object.metadata.labels | default dict) $labels) -}}
{{- with index . 2 -}}
{{- $_ := set $object.metadata "annotations" (merge ($object.metadata.annotations | default dict) .) -}}
{{- end -}}
{{- toYaml $object -}}
{{- end }}

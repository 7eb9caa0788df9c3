{{- /* The pod of both kinds. It has no checksum of the policy or of certificates: the service reloads them. */ -}}
{{- define "duetkv.pod" -}}
{{- if and .Values.tls.clientAuth (not .Values.tls.existingSecret) }}
{{- fail "tls.clientAuth needs tls.existingSecret" }}
{{- end -}}
metadata:
  labels:
    {{- include "duetkv.labels" . | nindent 4 }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  # The service stops within 10 s after its drain delay.
  terminationGracePeriodSeconds: {{ add .Values.drainDelaySeconds 15 }}
  automountServiceAccountToken: false
  # Variables such as DUETKV_PORT, which it has for services, look like settings.
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "duetkv.selector" . | nindent 10 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: { type: RuntimeDefault }
  containers:
    - name: duetkv
      image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      env:
        {{- if ne .Values.log.type "file" }}
        {{- $log := index .Values.log .Values.log.type }}
        - name: DUETKV_LOG
          valueFrom:
            secretKeyRef: { name: {{ $log.existingSecret }}, key: {{ $log.key }} }
        - { name: DUETKV_PEER_SECRET_FILE, value: /etc/duetkv/peers/secret }
        - name: POD_IP
          valueFrom:
            fieldRef: { fieldPath: status.podIP }
        # The name of a pod has no address. The brackets are for IPv6.
        - { name: DUETKV_ADVERTISE, value: "[$(POD_IP)]:8080" }
        {{- if .Values.tls.existingSecret }}
        {{- $service := printf "%s.%s.svc" (include "duetkv.name" .) .Release.Namespace }}
        - { name: DUETKV_PEER_TLS_NAME, value: {{ .Values.tls.peerName | default $service }} }
        {{- end }}
        {{- end }}
        {{- if eq .Values.log.type "nats" }}
        {{- with .Values.log.nats.monitors }}
        - { name: DUETKV_NATS_MONITOR, value: {{ join "," . | quote }} }
        {{- end }}
        {{- if .Values.log.nats.credentialsSecret }}
        - { name: DUETKV_NATS_CREDS, value: /etc/duetkv/nats/nats.creds }
        {{- end }}
        {{- end }}
        - { name: DUETKV_DRAIN_DELAY, value: {{ printf "%vs" .Values.drainDelaySeconds }} }
        - { name: DUETKV_POLICY, value: /etc/duetkv/policy/policy.json }
        {{- if .Values.tls.existingSecret }}
        - { name: DUETKV_TLS_CERT, value: /etc/duetkv/tls/tls.crt }
        - { name: DUETKV_TLS_KEY, value: /etc/duetkv/tls/tls.key }
        {{- with .Values.tls.clientAuth }}
        - { name: DUETKV_TLS_CLIENT_CA, value: /etc/duetkv/tls/ca.crt }
        - { name: DUETKV_TLS_CLIENT_AUTH, value: {{ . }} }
        {{- end }}
        {{- end }}
        {{- range $name, $value := .Values.environment }}
        - { name: {{ $name }}, value: {{ $value | toString | quote }} }
        {{- end }}
      ports:
        - { name: api, containerPort: 8080 }
        - { name: admin, containerPort: 8081 }
      # Not readiness: a long replay is no reason to begin it again.
      startupProbe:
        httpGet: { path: /livez, port: admin }
        periodSeconds: 2
        failureThreshold: 150
      readinessProbe:
        {{- $writes := eq .Values.probes.readiness "writes" }}
        {{- if .Values.probes.grpc }}
        grpc: { port: 8081, service: {{ ternary "writable" "duetkv.v1.KeyValueService" $writes }} }
        {{- else }}
        httpGet: { path: {{ ternary "/readyz" "/readyz/reads" $writes }}, port: admin }
        {{- end }}
        periodSeconds: 2
      livenessProbe:
        httpGet: { path: /livez, port: admin }
        periodSeconds: 10
        timeoutSeconds: 5
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: { drop: [ALL] }
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        {{- if eq .Values.log.type "file" }}
        - { name: data, mountPath: /data }
        {{- else }}
        - { name: log, mountPath: /etc/duetkv/log, readOnly: true }
        - { name: peers, mountPath: /etc/duetkv/peers, readOnly: true }
        {{- end }}
        - { name: policy, mountPath: /etc/duetkv/policy, readOnly: true }
        {{- if and (eq .Values.log.type "nats") .Values.log.nats.credentialsSecret }}
        - { name: nats, mountPath: /etc/duetkv/nats, readOnly: true }
        {{- end }}
        {{- if .Values.tls.existingSecret }}
        - { name: tls, mountPath: /etc/duetkv/tls, readOnly: true }
        {{- end }}
  volumes:
    - name: policy
      secret: { secretName: {{ include "duetkv.policySecret" . }} }
    {{- if ne .Values.log.type "file" }}
    - name: log
      secret: { secretName: {{ (index .Values.log .Values.log.type).existingSecret }} }
    - name: peers
      secret: { secretName: {{ include "duetkv.peerSecret" . }} }
    {{- end }}
    {{- if and (eq .Values.log.type "nats") .Values.log.nats.credentialsSecret }}
    - name: nats
      secret: { secretName: {{ .Values.log.nats.credentialsSecret }} }
    {{- end }}
    {{- with .Values.tls.existingSecret }}
    - name: tls
      secret: { secretName: {{ . }} }
    {{- end }}
{{- end }}

# shellcheck shell=bash
# etcd, kube-apiserver and kube-controller-manager.

# The module file of the version that was asked for says which patch release it is.
case ${BINDERY_KUBERNETES:-} in
    '') kubernetes_module=go.mod ;;
    *) kubernetes_module=$BINDERY_KUBERNETES.mod ;;
esac
kubernetes_version=$(sed -n 's|^\tk8s.io/kubernetes ||p' "$here/control-plane/$kubernetes_module") ||
    fail "there is no Kubernetes $BINDERY_KUBERNETES here: tests/control-plane/*.mod says which there are"
control_plane=(etcd kube-apiserver kube-controller-manager)
built="$cache/control-plane/$kubernetes_version"

# Prints where a binary of the control plane is.
control_plane_binary() {
    local directory
    local borrowed=${KUBEBUILDER_ASSETS:-}
    # Those binaries are of the version that they are of.
    [[ -z ${BINDERY_KUBERNETES:-} ]] || borrowed=
    for directory in "$borrowed" "$built"; do
        [[ -x $directory/$1 ]] && echo "$directory/$1" && return
    done
    return 1
}

build_control_plane() {
    local binary
    for binary in "${control_plane[@]}"; do
        if ! control_plane_binary "$binary" >/dev/null; then
            locked control-plane provide_control_plane
            return
        fi
    done
}

# Again looks at each binary: another build may have finished while this one waited for the lock.
provide_control_plane() {
    local binary missing=()
    borrow_from_setup_envtest
    for binary in "${control_plane[@]}"; do
        control_plane_binary "$binary" >/dev/null || missing+=("./$binary")
    done
    ((${#missing[@]} == 0)) || compile_control_plane "${missing[@]}"
}

# The binaries that setup-envtest knows, which has no controller manager.
borrow_from_setup_envtest() {
    local assets
    command -v setup-envtest >/dev/null || return 0
    assets=$(setup-envtest use "${kubernetes_version#v}" --print path) || return 0
    mkdir -p "$built"
    ln -sf "$assets"/{etcd,kube-apiserver} "$built"
}

compile_control_plane() {
    local version=k8s.io/component-base/version began=$SECONDS minor=${kubernetes_version#v1.}
    need go "Go 1.26 or newer, https://go.dev/dl"
    say "building $* of Kubernetes $kubernetes_version (once; about 5 minutes on 2 cores)"
    mkdir -p "$built.new"
    go build -C "$here/control-plane" -modfile="$kubernetes_module" -trimpath -o "$built.new/" -ldflags "-s -w \
        -X $version.gitVersion=$kubernetes_version -X $version.gitMajor=1 -X $version.gitMinor=${minor%.*}" "$@" ||
        fail "the control plane does not build"
    mkdir -p "$built"
    mv "$built.new"/* "$built/"
    rmdir "$built.new"
    say "built the control plane in $((SECONDS - began)) s"
}

# Starts the three and waits for them: a few seconds.
start_control_plane() {
    local began=$SECONDS
    start_etcd
    start_apiserver
    start_controller_manager
    say "the control plane is ready after $((SECONDS - began)) s"
}

start_etcd() {
    local peer
    free_port && peer=http://127.0.0.1:$port
    free_port && etcd=http://127.0.0.1:$port
    start etcd "$(control_plane_binary etcd)" --unsafe-no-fsync --data-dir="$parts/etcd/data" \
        --listen-client-urls="$etcd" --advertise-client-urls="$etcd" \
        --listen-peer-urls="$peer" --initial-advertise-peer-urls="$peer" --initial-cluster="default=$peer"
    await etcd 30 curl --silent --fail "$etcd/health"
}

start_apiserver() {
    local state=$parts/kube-apiserver token
    mkdir -p "$state/logs"
    token=$(openssl rand -hex 16)
    (umask 077 && openssl genrsa -out "$state/service-account.key" 2048 2>/dev/null)
    (umask 077 && echo "$token,administrator,administrator,system:masters" >"$state/tokens.csv")
    free_port
    # Kubernetes' own Service would need an address of this machine that is not loopback: no endpoints for it.
    start kube-apiserver "$(control_plane_binary kube-apiserver)" --etcd-servers="$etcd" \
        --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="$port" --cert-dir="$state" \
        --endpoint-reconciler-type=none --service-cluster-ip-range=10.0.0.0/24 \
        --authorization-mode=RBAC --token-auth-file="$state/tokens.csv" \
        --service-account-issuer="https://127.0.0.1:$port" \
        --service-account-key-file="$state/service-account.key" \
        --service-account-signing-key-file="$state/service-account.key" \
        --disable-admission-plugins=ServiceAccount
    await kube-apiserver 30 test -s "$state/apiserver.crt"
    write_kubeconfig "https://127.0.0.1:$port" "$state/apiserver.crt" "$token"
    await kube-apiserver 60 kubectl --kubeconfig="$parts/kubeconfig" get --raw=/readyz
    # Made a moment after the server says that it is ready.
    await kube-apiserver 30 kubectl --kubeconfig="$parts/kubeconfig" get namespace default
}

write_kubeconfig() {
    (umask 077 && cat >"$parts/kubeconfig") <<KUBECONFIG
apiVersion: v1
kind: Config
current-context: parts
clusters: [{name: parts, cluster: {server: "$1", certificate-authority-data: $(base64 --wrap=0 "$2")}}]
users: [{name: administrator, user: {token: $3}}]
contexts: [{name: parts, context: {cluster: parts, user: administrator}}]
KUBECONFIG
}

# The controllers that namespaces, owner references and service accounts depend on.
start_controller_manager() {
    local controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller
    controllers+=,serviceaccount-token-controller,clusterrole-aggregation-controller
    start kube-controller-manager "$(control_plane_binary kube-controller-manager)" \
        --kubeconfig="$parts/kubeconfig" --controllers="$controllers" --leader-elect=false --secure-port=0 \
        --service-account-private-key-file="$parts/kube-apiserver/service-account.key" \
        --root-ca-file="$parts/kube-apiserver/apiserver.crt"
    await kube-controller-manager 60 \
        kubectl --kubeconfig="$parts/kubeconfig" get serviceaccount default --namespace=default
}

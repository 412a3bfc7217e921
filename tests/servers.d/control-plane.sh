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

# start_control_planes COUNT: starts all before it waits for any, and takes a few seconds.
start_control_planes() {
    local began=$SECONDS step index
    for step in start_etcd await_etcd start_apiserver await_apiserver start_controller_manager await_controller_manager; do
        for ((index = 0; index < $1; index++)); do "$step" "$index"; done
    done
    say "$1 control plane(s) ready after $((SECONDS - began)) s"
}

kubeconfig() { numbered "$servers/kubeconfig" "$1"; }

kubectl_of() { kubectl --kubeconfig="$(kubeconfig "$1")" "${@:2}"; }

start_etcd() {
    local name peer client
    name=$(numbered etcd "$1")
    free_port && peer=http://127.0.0.1:$port
    free_port && client=http://127.0.0.1:$port
    start "$name" "$(control_plane_binary etcd)" --unsafe-no-fsync --data-dir="$servers/$name/data" \
        --listen-client-urls="$client" --advertise-client-urls="$client" \
        --listen-peer-urls="$peer" --initial-advertise-peer-urls="$peer" --initial-cluster="default=$peer"
    echo "$client" >"$servers/$name/url"
}

await_etcd() {
    local name
    name=$(numbered etcd "$1")
    await "$name" 30 curl --silent --fail "$(<"$servers/$name/url")/health"
}

start_apiserver() {
    local name state token
    name=$(numbered kube-apiserver "$1")
    state=$servers/$name
    mkdir -p "$state/logs"
    token=$(openssl rand -hex 16)
    (umask 077 && openssl genrsa -out "$state/service-account.key" 2048 2>/dev/null)
    (umask 077 && echo "$token,administrator,administrator,system:masters" >"$state/tokens.csv")
    free_port
    echo "https://127.0.0.1:$port" >"$state/url"
    # Kubernetes' own Service would need an address of this machine that is not loopback: no endpoints for it.
    start "$name" "$(control_plane_binary kube-apiserver)" --etcd-servers="$(<"$servers/$(numbered etcd "$1")/url")" \
        --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="$port" --cert-dir="$state" \
        --endpoint-reconciler-type=none --service-cluster-ip-range=10.0.0.0/24 \
        --authorization-mode=RBAC --token-auth-file="$state/tokens.csv" \
        --service-account-issuer="https://127.0.0.1:$port" \
        --service-account-key-file="$state/service-account.key" \
        --service-account-signing-key-file="$state/service-account.key" \
        --disable-admission-plugins=ServiceAccount
}

await_apiserver() {
    local name state
    name=$(numbered kube-apiserver "$1")
    state=$servers/$name
    await "$name" 30 test -s "$state/apiserver.crt"
    write_kubeconfig "$(kubeconfig "$1")" "$(<"$state/url")" "$state/apiserver.crt" "$(cut -d, -f1 "$state/tokens.csv")"
    await "$name" 60 kubectl_of "$1" get --raw=/readyz
    # Made a moment after the server says that it is ready.
    await "$name" 30 kubectl_of "$1" get namespace default
}

# write_kubeconfig FILE URL CERTIFICATE TOKEN
write_kubeconfig() {
    (umask 077 && cat >"$1") <<KUBECONFIG
apiVersion: v1
kind: Config
current-context: servers
clusters: [{name: servers, cluster: {server: "$2", certificate-authority-data: $(base64 --wrap=0 "$3")}}]
users: [{name: administrator, user: {token: $4}}]
contexts: [{name: servers, context: {cluster: servers, user: administrator}}]
KUBECONFIG
}

# The controllers that namespaces, owner references and service accounts depend on.
start_controller_manager() {
    local controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller state
    controllers+=,serviceaccount-token-controller,clusterrole-aggregation-controller
    state=$servers/$(numbered kube-apiserver "$1")
    start "$(numbered kube-controller-manager "$1")" "$(control_plane_binary kube-controller-manager)" \
        --kubeconfig="$(kubeconfig "$1")" --controllers="$controllers" --leader-elect=false --secure-port=0 \
        --service-account-private-key-file="$state/service-account.key" --root-ca-file="$state/apiserver.crt"
}

await_controller_manager() {
    await "$(numbered kube-controller-manager "$1")" 60 kubectl_of "$1" get serviceaccount default --namespace=default
}

# control_plane_environment INDEX: the line of DIR/env about a control plane.
control_plane_environment() { export_line "$(numbered_variable KUBECONFIG "$1")" "$(kubeconfig "$1")"; }

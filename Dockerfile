# An image with nothing but the plugin, /opt/cni/bin/vmtap.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t vmtap .
#
# To put it on a node: docker create, then docker cp; or COPY --from in the image
# that installs a cluster's plugins.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=unknown
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" \
    -o /out/vmtap ./plugins/vmtap

FROM scratch
COPY --from=build /out/vmtap /opt/cni/bin/vmtap
ENTRYPOINT ["/opt/cni/bin/vmtap"]

package cri

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// clients speak to containerd.
type clients struct {
	conn *grpc.ClientConn
}

func (c *clients) dial(socket string) (err error) {
	c.close()
	// What restarts is tried again soon.
	soon := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 20e6, Multiplier: 1, MaxDelay: 20e6}, MinConnectTimeout: Timeout}
	c.conn, err = grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(soon))
	return err
}

func (c *clients) close() {
	if c.conn != nil {
		_ = c.conn.Close() // nobody waits for its answers
	}
	c.conn = nil
}

// Runtime is containerd's service for pods and containers.
func (m *Machine) Runtime() runtime.RuntimeServiceClient {
	return runtime.NewRuntimeServiceClient(m.clients.conn)
}

// Images is containerd's service for images.
func (m *Machine) Images() runtime.ImageServiceClient {
	return runtime.NewImageServiceClient(m.clients.conn)
}

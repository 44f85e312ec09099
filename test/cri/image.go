package cri

import (
	"context"
	"testing"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Import brings an archive with an image of this name to the machine, as "ctr images import" does.
func (m *Machine) Import(t testing.TB, name, archive string) {
	t.Helper()
	m.Run(t, "ctr", "--address", m.Socket(), "--namespace", "k8s.io", "images", "import", archive)
	// The part of containerd that runs pods hears of it in its own time.
	m.WaitFor(t, "the image "+name, func(ctx context.Context) bool {
		answer, err := m.Images().ImageStatus(ctx, &runtime.ImageStatusRequest{Image: &runtime.ImageSpec{Image: name}})
		return err == nil && answer.Image != nil
	})
}

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// BenchmarkConfine is what a whole call pays for giving up rights: the lower
// quartiles of STATUS and of ADD, as the plugin is and as it would be without,
// called in turns, and their difference, by the clock and in processor time. The budget is 500 us a call.
func BenchmarkConfine(b *testing.B) {
	plugins := []*cni.Plugin{{Bin: cni.Build(b)}, {Bin: buildUnconfined(b)}}
	for name, call := range map[string]func(b *testing.B, p *cni.Plugin, pod *netns.NS){
		"STATUS": func(b *testing.B, p *cni.Plugin, _ *netns.NS) {
			if fault := p.Status(b, statusConf("")); fault != nil {
				b.Fatal(fault)
			}
		},
		"ADD": func(b *testing.B, p *cni.Plugin, pod *netns.NS) {
			call := cni.Call{ContainerID: "p", IfName: "eth0", Netns: pod.Path(), Conf: localConf}
			if _, fault := p.Add(b, call); fault != nil {
				b.Fatal(fault)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			node, pod := netns.New(b), netns.New(b)
			var times, cpu [2][]time.Duration
			for range b.N {
				for i, p := range plugins {
					p.Node = node
					begin, used := time.Now(), childrensCPU(b)
					call(b, p, pod)
					times[i] = append(times[i], time.Since(begin))
					cpu[i] = append(cpu[i], childrensCPU(b)-used)
					if fault := p.Del(b, cni.Call{ContainerID: "p", IfName: "eth0", Conf: localConf}); fault != nil {
						b.Fatal(fault)
					}
				}
			}
			with, without := lowerQuartile(times[0]), lowerQuartile(times[1])
			b.ReportMetric(with, "confined-us")
			b.ReportMetric(without, "unconfined-us")
			b.ReportMetric(with-without, "difference-us")
			b.ReportMetric(lowerQuartile(cpu[0])-lowerQuartile(cpu[1]), "cpu-difference-us")
		})
	}
}

// childrensCPU is the processor time of all processes that the benchmark ran. It
// depends less than the clock on what else the machine does.
func childrensCPU(b *testing.B) time.Duration {
	b.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// lowerQuartile is in microseconds. What else the machine does is in the upper ones.
func lowerQuartile(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/4].Nanoseconds()) / 1000
}

// buildUnconfined builds the plugin with one expression replaced: it gives up
// nothing.
func buildUnconfined(b *testing.B) string {
	b.Helper()
	source, err := filepath.Abs("../../pkg/plugin/confine.go")
	if err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		b.Fatal(err)
	}
	const does = "confine.Process(l)"
	if strings.Count(string(text), does) != 1 {
		b.Fatalf("%s does not call %s once", source, does)
	}
	dir := b.TempDir()
	replaced, overlay, bin := filepath.Join(dir, "confine.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "vmtap")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{source: replaced}})
	if err != nil {
		b.Fatal(err)
	}
	for path, content := range map[string]string{
		replaced: strings.Replace(string(text), does, "confine.InForce{}, error(nil)", 1),
		overlay:  string(replace),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-overlay", overlay, "-o", bin, "../../plugins/vmtap")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

package e2e

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// TestLinuxGuestInRDomain boots a real guest on the tap of an interface in
// rdomain 10: a VM monitor in the pod, with Linux in it.
func TestLinuxGuestInRDomain(t *testing.T) {
	n := newVRFNode(t)
	n.Run(t, "ip", "link", "set", "lo", "up")
	n.Run(t, "ip", "address", "add", hostAddr4+"/32", "dev", "lo")
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(inRDomains("bridge0", "", "10")+`, "rdomains": {"moveLocalRule": true}`))
	other := n.newPod(t, "other")
	b := other.add(t, "eth0", conf(`"rdomain": 10`))
	b.boot(other)
	c, neighbour := a.guestConfig(), b.guestConfig()

	reached := append(gateways(c), addrs(neighbour)...)
	pings := make([]string, len(reached))
	for i, dst := range reached {
		pings[i] = dst.String()
	}
	console := bootLinux(t, p, a, "vmtap.ping="+strings.Join(pings, ","), "vmtap.noping="+hostAddr4)
	for _, dst := range pings {
		wantLine(t, console, "guest: ping "+dst+": answers")
	}
	wantLine(t, console, "guest: ping "+hostAddr4+": no answer")
	wantLine(t, console, "guest: eth0 has lladdr "+c.LLAddr.String())
	for _, dst := range addrs(c) {
		n.Run(t, "ping", "-n", "-c", "1", "-W", "30", "-I", "rdomain10", dst.String())
	}
	if fault := n.Check(t, a.call); fault != nil {
		t.Errorf("CHECK with the guest: %s", fault)
	}
}

// bootLinux boots a guest in a pod, which is told what the attachment's result
// says, and returns the lines of its console until it is ready.
func bootLinux(t *testing.T, p *pod, a *attachment, args ...string) []string {
	t.Helper()
	return readyLinux(t, startLinux(t, p, a.guestConfig().LLAddr.String(), append(a.guestArgs(p), args...)...))
}

// guestArgs tell a guest what the attachment's result says.
func (a *attachment) guestArgs(p *pod) []string {
	a.t.Helper()
	c := a.guestConfig()
	return []string{
		fmt.Sprintf("vmtap.addr=%s,%s", c.Addr4, c.Addr6),
		fmt.Sprintf("vmtap.gw=%s,%s", c.Gateway4, c.Gateway6),
		fmt.Sprintf("vmtap.mtu=%d", p.link(a.t, "eth0").MTU),
	}
}

// readyLinux waits until a guest is ready and returns what its console said.
func readyLinux(t *testing.T, lines <-chan string) []string {
	t.Helper()
	var console []string
	timeout := time.After(5 * time.Minute)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the guest ended:\n%s", strings.Join(console, "\n"))
			}
			console = append(console, line)
			if line == "guest: ready" {
				return console
			}
		case <-timeout:
			t.Fatalf("the guest is not ready:\n%s", strings.Join(console, "\n"))
		}
	}
}

// startLinux boots a guest in a pod and returns the lines of its console. It is
// killed when the test ends. Its VM monitor is QEMU, and in the test VM User-mode
// Linux: an emulated processor that emulates one takes a quarter of an hour.
func startLinux(t *testing.T, p *pod, mac string, args ...string) <-chan string {
	t.Helper()
	return startMachine(t, p, nil, nil, mac, args...)
}

// startMachine is startLinux for a machine that run.sh's variables choose, and
// whose console is typed on.
func startMachine(t *testing.T, p *pod, env []string, typed io.Reader, mac string, args ...string) <-chan string {
	t.Helper()
	cmd := p.Command("../../hack/guest/run.sh", append([]string{"-", "eth0", mac}, args...)...)
	if os.Getenv("VMTAP_VM") != "" {
		env = append(env, "VMTAP_GUEST=uml")
	}
	cmd.Env = append(cmd.Environ(), env...)
	cmd.Stdin = typed
	out, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		s := bufio.NewScanner(out)
		for s.Scan() {
			lines <- strings.TrimRight(s.Text(), "\r")
		}
	}()
	return lines
}

// wantLine demands a line that begins so.
func wantLine(t *testing.T, lines []string, prefix string) {
	t.Helper()
	for _, line := range lines {
		if strings.HasPrefix(line, prefix) {
			return
		}
	}
	t.Errorf("no line %q in\n%s", prefix, strings.Join(lines, "\n"))
}

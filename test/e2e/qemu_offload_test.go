package e2e

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Bits of virtio-net's features, as the guest's driver and QEMU agreed on them.
const (
	virtioCSum      = 0 // the host completes checksums
	virtioGuestCSum = 1 // the guest takes frames whose checksum is not complete
	virtioGuestTSO4 = 7 // and those that are larger than the mtu, with IPv4
	virtioGuestTSO6 = 8
	virtioHostTSO4  = 11 // the host cuts frames to the mtu, with IPv4
	virtioHostTSO6  = 12 //
	virtioMQ        = 22 // several queues
)

// typist types on a guest's console and reads what comes of it.
type typist struct {
	t     *testing.T
	keys  io.Writer
	lines <-chan string
}

// run runs a command in the guest and returns what it prints.
func (y *typist) run(command string) []string {
	y.t.Helper()
	y.begin(command)
	return y.result(command)
}

// begin types a command.
func (y *typist) begin(command string) {
	y.t.Helper()
	if _, err := fmt.Fprintln(y.keys, command); err != nil {
		y.t.Fatal(err)
	}
}

// result waits for the end of the command that was typed last.
func (y *typist) result(command string) []string {
	y.t.Helper()
	var said []string
	for timeout := time.After(5 * time.Minute); ; {
		select {
		case line, ok := <-y.lines:
			if status, end := strings.CutPrefix(line, "guest: exit "); end || !ok {
				if status != "0" {
					y.t.Fatalf("%s: exit %s: %q", command, status, said)
				}
				return said
			}
			said = append(said, line)
		case <-timeout:
			y.t.Fatalf("%s does not end: %q", command, said)
		}
	}
}

// wantLarge demands that what went through between two looks were, on average, frames much larger than the mtu.
func wantLarge(t *testing.T, what string, before, after traffic) {
	t.Helper()
	size := float64(after.Bytes-before.Bytes) / float64(after.Packets-before.Packets)
	t.Logf("%s: %d MiB in frames of %.0f bytes on average", what, (after.Bytes-before.Bytes)>>20, size)
	if size < 2*1514 {
		t.Errorf("%s: frames of %.0f bytes on average", what, size)
	}
}

// counted is what `seq 1 LAST` prints.
func counted(last int) []byte {
	var b []byte
	for i := 1; i <= last; i++ {
		b = append(strconv.AppendInt(b, int64(i), 10), '\n')
	}
	return b
}

// TestQEMUOffloads boots a real guest with two queues, on QEMU's microvm. Streams of TCP pass both ways and on both
// families in frames many times the mtu, whose checksums nobody completes, and arrive as they were sent.
func TestQEMUOffloads(t *testing.T) {
	const last = 2_000_000
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", exampleBlock(t, "22-queues.conflist"))
	c := a.guestConfig()
	typed, keys := io.Pipe()
	lines := startMachine(t, p, []string{"VMTAP_MACHINE=microvm", "VMTAP_QUEUES=2"}, typed, c.LLAddr.String(), a.guestArgs(p)...)
	t.Cleanup(func() { _ = keys.Close() })
	readyLinux(t, lines)
	y := &typist{t, keys, lines}

	features := y.run("cat /sys/class/net/eth0/device/features")[0]
	for _, bit := range []int{virtioCSum, virtioGuestCSum, virtioGuestTSO4, virtioGuestTSO6, virtioHostTSO4, virtioHostTSO6, virtioMQ} {
		if len(features) <= bit || features[bit] != '1' {
			t.Errorf("feature %d is not there: %s", bit, features)
		}
	}
	expect(t, "queues", y.run("ls -1 /sys/class/net/eth0/queues"), []string{"rx-0", "rx-1", "tx-0", "tx-1"})

	y.run(fmt.Sprintf("seq 1 %d >/tmp/counted && httpd -p 80 -h /tmp", last))
	data := counted(last)
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	for _, guest := range []netip.Addr{c.Addr4.Addr(), c.Addr6.Addr()} {
		before, _ := trafficOf(t, p.NS, "eth0")
		expect(t, "from the guest", n.fetch(t, netip.AddrPortFrom(guest, 80), "/counted"), sum)
		after, beforeSent := trafficOf(t, p.NS, "eth0")
		wantLarge(t, "from "+guest.String(), before, after)

		command := "nc -l -p 5000 </dev/null | sha256sum"
		y.begin(command)
		n.sendTo(t, netip.AddrPortFrom(guest, 5000), data)
		expect(t, "to the guest", strings.Fields(y.result(command)[0])[0], sum)
		_, afterSent := trafficOf(t, p.NS, "eth0")
		wantLarge(t, "to "+guest.String(), beforeSent, afterSent)
	}
	expect(t, "frames that the guard refused", a.dropped(), 0)
}

// fetch is the hash of what a web server has, as the host gets it.
func (n *node) fetch(t *testing.T, server netip.AddrPort, path string) string {
	t.Helper()
	answer, err := webClient(n.NS).Get("http://" + server.String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, answer.Body); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// sendTo sends from the host to a server that begins to listen in its own time.
func (n *node) sendTo(t *testing.T, to netip.AddrPort, data []byte) {
	t.Helper()
	var conn net.Conn
	waitFor(t, "the guest to listen", func() (ok bool) {
		var err error
		conn, err = n.DialContext(t.Context(), "tcp", to.String())
		return err == nil
	})
	if _, err := conn.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}

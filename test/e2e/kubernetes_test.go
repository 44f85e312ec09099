package e2e

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/netns"
)

// Who speaks with whom in a cluster, in the words of kubernetesPage.
const (
	thePod     = "the pod"
	theKubelet = "the kubelet, for a probe"
	byNodePort = "a host outside, by a NodePort or hostPort"
	podIn0     = "a pod in rdomain 0"
	podIn10    = "a pod in rdomain 10"
	theNode    = "the node: the kubelet, pods with the host's network, a node-local DNS cache"
	serviceIn0 = "a Service with pods in rdomain 0, such as DNS"
	serviceIn  = "a Service with pods in rdomain 10"
	metadata   = "the cloud's metadata, 169.254.169.254"
	outside    = "a host outside"
)

// podReach is what TestPodReach measures, with TCP on both families, for a pod
// whose eth0 is in rdomain 0, and for one in rdomain 10. The table of
// kubernetesPage is made of it.
var podReach = []struct {
	from, to  string
	in0, in10 string
}{
	{theKubelet, thePod, reaches, nothing},
	{podIn0, thePod, reaches, nothing},
	{podIn10, thePod, nothing, reaches},
	{byNodePort, thePod, reaches, nothing},
	{thePod, theNode, reaches, nothing},
	{thePod, serviceIn0, reaches, nothing},
	{thePod, serviceIn, nothing, reaches},
	{thePod, metadata, reaches, nothing},
	{thePod, outside, reaches, nothing},
}

// TestPodReachShown: kubernetesPage says what TestPodReach measures.
func TestPodReachShown(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(source, kubernetesPage))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range podReach {
		if line := "| " + strings.Join([]string{c.from, c.to, c.in0, c.in10}, " | ") + " |\n"; !strings.Contains(string(page), line) {
			t.Errorf("%s lacks the row\n%s", kubernetesPage, line)
		}
	}
}

// TestPodReach measures what a pod reaches in a cluster, and what reaches it.
// Services and NodePorts are rules as kube-proxy has them.
func TestPodReach(t *testing.T) {
	k := newKubeNode(t)
	var wg sync.WaitGroup
	for _, c := range podReach {
		for rdomain, want := range map[string]string{"0": c.in0, "10": c.in10} {
			from, dsts := k.way(c.from, c.to, rdomain)
			for _, dst := range dsts {
				wg.Add(1)
				go func() {
					defer wg.Done()
					if have := connects(from, dst, want); have != want {
						t.Errorf("pod in rdomain %s: from %s to %s, %s: %s, want %s", rdomain, c.from, c.to, dst, have, want)
					}
				}()
			}
		}
	}
	wg.Wait()
}

// connects says whether a server greets who connects to it. Where none should
// it waits for less long.
func connects(from *netns.NS, dst, want string) string {
	wait := answered
	if want == nothing {
		wait = time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	c, err := from.DialContext(ctx, "tcp", dst)
	if err != nil {
		return nothing
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(wait))
	if n, _ := c.Read(make([]byte, 1)); n != 1 {
		return nothing
	}
	return reaches
}

// kubeNode is a node with two pods in each of two rdomains, of which the second
// ones are what the first ones talk to.
type kubeNode struct {
	*node
	outside *pod
	guests  map[string][2]*netns.NS
	addrs   map[string][2][]netip.Addr
}

// Ports of the servers, and addresses of Services.
const (
	kubeletPort = 10250
	podPort     = 8080
)

func newKubeNode(t *testing.T) *kubeNode {
	t.Helper()
	n := newVRFNode(t)
	k := &kubeNode{n, n.newOutside(t), map[string][2]*netns.NS{}, map[string][2][]netip.Addr{}}
	greet(t, n.NS, kubeletPort)
	ipBatch(t, k.outside.Run, "address add 169.254.169.254/32 dev lo\n")
	greet(t, k.outside.NS, 80)
	for _, rdomain := range []string{"0", "10"} {
		var guests [2]*netns.NS
		var all [2][]netip.Addr
		for i := range guests {
			p := n.newPod(t, fmt.Sprintf("r%s-%d", rdomain, i))
			a := p.add(t, "eth0", conf(`"rdomain": `+rdomain+`, "rdomains": {"moveLocalRule": true}`))
			guests[i], all[i] = a.system(p), addrs(a.guestConfig())
			greet(t, guests[i], podPort)
		}
		k.guests[rdomain], k.addrs[rdomain] = guests, all
	}
	ipBatch(t, n.Run, "route add 169.254.169.254 via 192.0.2.2\n")
	var rules strings.Builder
	for rdomain, number := range map[string]int{"0": 10, "10": 20} {
		pod, other := k.addrs[rdomain][0], k.addrs[rdomain][1]
		for i, family := range []string{"ip", "ip6"} {
			service := serviceAddrs(number)[i]
			fmt.Fprintf(&rules, "%s daddr %s tcp dport 80 dnat %s to %s\n", family, service, family, net.JoinHostPort(other[i].String(), fmt.Sprint(podPort)))
			fmt.Fprintf(&rules, "%s daddr %s tcp dport %d dnat %s to %s\n", family, nodeAddrs()[i], 30000+number, family, net.JoinHostPort(pod[i].String(), fmt.Sprint(podPort)))
		}
	}
	n.RunInput(t, "table inet kube {\n chain services {\n"+rules.String()+"}\n"+
		"chain prerouting { type nat hook prerouting priority dstnat; jump services; }\n"+
		"chain output { type nat hook output priority -100; jump services; }\n}\n", "nft", "-f", "-")
	return k
}

// serviceAddrs are a Service's.
func serviceAddrs(number int) []string {
	return []string{fmt.Sprint("10.96.0.", number), fmt.Sprint("fd00:96::", number)}
}

// nodeAddrs are those of newOutside's node; the other's end with 2.
func nodeAddrs() []string { return []string{"192.0.2.1", "2001:db8::1"} }

// way is where a connection begins, and where it goes on each family, for the
// pod in an rdomain.
func (k *kubeNode) way(from, to, rdomain string) (*netns.NS, []string) {
	pod := k.addrs[rdomain][0]
	number := map[string]int{"0": 10, "10": 20}
	var dsts []string
	port := podPort
	switch to {
	case thePod:
		dsts = []string{pod[0].String(), pod[1].String()}
	case theNode:
		dsts, port = nodeAddrs(), kubeletPort
	case serviceIn0:
		dsts, port = serviceAddrs(number["0"]), 80
	case serviceIn:
		dsts, port = serviceAddrs(number["10"]), 80
	case metadata:
		dsts, port = []string{"169.254.169.254"}, 80
	case outside:
		dsts, port = []string{"192.0.2.2", "2001:db8::2"}, 80
	}
	ns := map[string]*netns.NS{
		thePod: k.guests[rdomain][0], theKubelet: k.NS, byNodePort: k.outside.NS,
		podIn0: k.guests["0"][1], podIn10: k.guests["10"][1],
	}[from]
	if from == byNodePort {
		dsts, port = nodeAddrs(), 30000+number[rdomain]
	}
	for i := range dsts {
		dsts[i] = net.JoinHostPort(dsts[i], fmt.Sprint(port))
	}
	return ns, dsts
}

// greet serves TCP on a port of a namespace: each connection gets a byte.
func greet(t *testing.T, ns *netns.NS, port int) {
	t.Helper()
	var l net.Listener
	var err error
	ns.Do(func() { l, err = new(net.ListenConfig).Listen(context.Background(), "tcp", fmt.Sprint(":", port)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("."))
			_ = c.Close()
		}
	}()
}

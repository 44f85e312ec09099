package plugin

import (
	"fmt"
	"strings"

	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
)

// lookAround says for a person what this process was left with, as each call
// is, and what is odd on this node.
func lookAround() string {
	var inForce confine.InForce
	var host plan.Host
	err := inSession(func(s *kernel.Session) (err error) {
		if inForce, err = confine.Process(kernel.ToRead("")); err != nil {
			return confineError(err)
		}
		host, err = s.Look()
		return err
	})
	return rights(inForce) + "\n" + odd(&host, err)
}

// rights says what is in force.
func rights(f confine.InForce) string {
	lines := []string{"capabilities: " + f.Permitted.String()}
	if f.Permitted == 0 {
		lines[0] += ", run it as root"
	}
	lines = append(lines, "programs that it executes get no others: no_new_privs is set")
	if f.Landlock > 0 {
		lines = append(lines, fmt.Sprintf("files: confined by Landlock, ABI version %d", f.Landlock))
	} else {
		lines = append(lines, "files: not confined, this kernel has no Landlock (Linux 5.13 and later have, where lsm= names it)")
	}
	return "In force on this node:\n- " + strings.Join(lines, "\n- ")
}

// odd says what is odd on this node, and what kept from looking at all.
func odd(host *plan.Host, err error) string {
	lines := plan.Odd(host)
	if err != nil {
		lines = append(lines, "not all could be looked at: "+oneLine(err.Error()))
	}
	if len(lines) == 0 {
		return "Odd on this node: nothing that would be in the way of a network"
	}
	return "Odd on this node:\n- " + strings.Join(lines, "\n- ")
}

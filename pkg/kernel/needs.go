package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/confine"
)

// What a Session needs of the process's rights once all is open that OpenLock,
// OpenPod and their like open: they need more, such as CAP_SYS_ADMIN to enter a
// pod's namespace and another process's /proc/<pid>/ns/net to find it.

// ToDelete is what Delete and Collect need.
func ToDelete() confine.Limits {
	return confine.Limits{Keep: confine.Of(unix.CAP_NET_ADMIN)}
}

// ToRead is what reading needs: CHECK's, and Look.
func ToRead() confine.Limits {
	l := ToDelete()
	l.Files = []confine.File{
		{Path: sysctlDir, Access: confine.Read},
		{Path: tunPath, Access: confine.Read | confine.Write}, // for Look
	}
	return l
}

// ToMake is what ADD needs, and STATUS, which asks whether ADD could work.
// labelled says that a tap is to have an SELinux context, for which the plugin
// executes itself.
func ToMake(labelled bool) confine.Limits {
	l := ToDelete()
	l.Files = []confine.File{
		{Path: sysctlDir, Access: confine.Read | confine.Write},
		{Path: tunPath, Access: confine.Read | confine.Write | confine.Control},
		// STATUS counts a bridge's ports. In /sys/class/net are links only.
		{Path: linksDir, Access: confine.Read | confine.List},
		{Path: "/sys/devices/virtual/net", Access: confine.Read | confine.List},
		{Path: modulesDir, Access: confine.Read}, // STATUS looks for a classifier
	}
	if labelled {
		l.Executes = true
		l.Files = append(l.Files,
			confine.File{Path: "/proc/self/task", Access: confine.Read | confine.Write}, // attr/exec of a thread to come
			confine.File{Path: "/proc/self/exe", Access: confine.Read | confine.Execute},
			confine.File{Path: "/dev/null", Access: confine.Read | confine.Write})
	}
	return l
}

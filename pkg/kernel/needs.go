package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/confine"
)

// What a Session needs of the process's rights once all is open that OpenLock,
// OpenPod and their like open: they need more, such as CAP_SYS_ADMIN to enter a
// pod's namespace and another process's /proc/<pid>/ns/net to find it.

// ToDelete is what deleting links needs; see Session.ToDelete.
func ToDelete(danDirs ...string) confine.Limits {
	return confine.Limits{Keep: confine.Of(unix.CAP_NET_ADMIN), Files: inDAN(editDAN, danDirs...)}
}

// ToRead is what reading needs: CHECK's, and Look. danDir has sandboxes' files for Kata,
// "" for none.
func ToRead(danDir string) confine.Limits {
	l := ToDelete()
	l.Files = append(inDAN(confine.Read, danDir),
		confine.File{Path: sysctlDir, Access: confine.Read},
		confine.File{Path: tunPath, Access: confine.Read | confine.Write}) // for Look
	return l
}

// ToMake is what ADD needs, and STATUS, which asks whether ADD could work.
// labelled says that a tap is to have an SELinux context, for which the plugin
// executes itself; danDir is as ToRead has it.
func ToMake(labelled bool, danDir string) confine.Limits {
	l := ToDelete(danDir)
	l.Files = append(
		l.Files,
		confine.File{Path: sysctlDir, Access: confine.Read | confine.Write},
		confine.File{Path: tunPath, Access: confine.Read | confine.Write | confine.Control},
		// STATUS counts a bridge's ports. In /sys/class/net are links only.
		confine.File{Path: linksDir, Access: confine.Read | confine.List},
		confine.File{Path: "/sys/devices/virtual/net", Access: confine.Read | confine.List},
		confine.File{Path: modulesDir, Access: confine.Read}) // STATUS looks for a classifier
	if labelled {
		l.Executes = true
		l.Files = append(l.Files,
			confine.File{Path: "/proc/self/task", Access: confine.Read | confine.Write}, // attr/exec of a thread to come
			confine.File{Path: "/proc/self/exe", Access: confine.Read | confine.Execute},
			confine.File{Path: "/dev/null", Access: confine.Read | confine.Write})
	}
	return l
}

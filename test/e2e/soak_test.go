package e2e

import "os"

// soaks says that tests are to try everything, which takes long: make soak.
func soaks() bool { return os.Getenv("VMTAP_CRASH_EVERY") == "1" }

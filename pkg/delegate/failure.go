package delegate

import (
	"encoding/json"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/vmtap/vmtap/pkg/config"
)

// maxWords is how much of a plugin's error is passed on, in characters.
const maxWords = 1024

// failure returns the error that a plugin with a name ended with.
func failure(name, command string, status int, out []byte) error {
	var e types.Error
	if err := json.Unmarshal(out, &e); err != nil || e.Code == 0 && e.Msg == "" {
		return config.Errorf(config.CodeIO, "delegate %s to %s: it ended with status %d and printed no error but %.64q", command, name, status, out)
	}
	code := config.Code(e.Code)
	if code == 0 {
		code = config.CodeIO
	}
	words := e.Msg
	if e.Details != "" {
		words += "; " + e.Details
	}
	return config.Errorf(code, "delegate %s to %s: %.*s", command, name, maxWords, words)
}

package config

import (
	"encoding/json"
	"errors"
)

// ParseAttachment reads what DEL wants of a call. Of the configuration only
// the network's name, ipam and kata are looked at: whatever else changed or broke
// since ADD must not stop DEL, or the pod could never be removed. For the same
// reason a name that no ADD accepts is no error here; see Attachment.Possible.
// Errors are *Error: CodeDecoding if stdin is no JSON object or the name no
// string, CodeInvalidConfig if there is no name.
func ParseAttachment(in Input) (Attachment, error) {
	top, name, err := readNetwork(in.Stdin)
	return Attachment{Network: name, ContainerID: in.ContainerID, IfName: in.IfName, Netns: in.Netns, IPAM: ipamOf(top), DANDir: danDirOf(top)}, err
}

// readNetwork reads a configuration as far as its keys, and the network's
// name.
func readNetwork(stdin []byte) (top map[string]json.RawMessage, network string, err error) {
	// encoding/json into a map takes the last of two equal keys, as libcni
	// does, and any depth and size.
	if err := json.Unmarshal(stdin, &top); err != nil {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return nil, "", Errorf(CodeDecoding, "decode configuration: want an object, have %s", clip(string(stdin)))
		}
		return nil, "", Errorf(CodeDecoding, "decode configuration: %s", clip(err.Error()))
	}
	raw, ok := top["name"]
	if !ok {
		return nil, "", Errorf(CodeInvalidConfig, "read name: missing, give one")
	}
	var name *string
	if err := json.Unmarshal(raw, &name); err != nil || name == nil {
		return nil, "", Errorf(CodeDecoding, "read name: want a string, have %s", clip(string(raw)))
	}
	return top, *name, nil
}

// Possible reports whether ADD could have made this attachment. If not there
// is nothing to delete, and nothing to look up: the names might not even fit.
func (a Attachment) Possible() bool {
	_, err1 := parseNetwork(a.Network)
	_, err2 := parseContainerID(a.ContainerID)
	_, err3 := parseLinkName(a.IfName)
	return err1 == nil && err2 == nil && err3 == nil
}

package config

import (
	"encoding/json"
)

// Collection is what GC reads of a call: the rest of its configuration is not
// looked at, as with DEL.
type Collection struct {
	Network string
	// Known reports whether the runtime said which attachments are valid. An
	// empty list says that none is; a null, as CRI-O sends it for networks that
	// it does not manage, says nothing.
	Known bool
	Valid []Attachment // of Network
	IPAM  string       // the plugin to delegate to, "" for none

	DANDir string // as Attachment has it
}

// The keys that hold the valid attachments: the specification's, and the one
// that its first text had and that libcni sends too.
const (
	validKey    = "cni.dev/valid-attachments"
	validKeyOld = "cni.dev/attachments"
)

// ParseCollection reads what GC wants of a call. Errors are *Error: those of
// ParseAttachment, and CodeDecoding or CodeInvalidConfig for a list of which
// an entry is not a container id and an interface. Then nothing may be
// deleted: the entry may stand for any attachment.
func ParseCollection(in Input) (Collection, error) {
	top, name, err := readNetwork(in.Stdin)
	if err != nil {
		return Collection{}, err
	}
	c := Collection{Network: name, IPAM: ipamOf(top), DANDir: danDirOf(top)}
	for _, key := range []string{validKey, validKeyOld} {
		raw, ok := top[key]
		if !ok || string(raw) == "null" {
			continue
		}
		c.Known = true
		c.Valid, err = readValid(key, raw, name)
		return c, err
	}
	return c, nil
}

func readValid(key string, raw json.RawMessage, network string) ([]Attachment, error) {
	var entries []struct {
		ContainerID *string `json:"containerID"`
		IfName      *string `json:"ifname"`
	}
	if err := json.Unmarshal(raw, &entries); err != nil {
		return nil, Errorf(CodeDecoding, "read %s: want a list of containerID and ifname, have %s", key, clip(string(raw)))
	}
	var valid []Attachment
	for i, e := range entries {
		if e.ContainerID == nil || e.IfName == nil || *e.ContainerID == "" || *e.IfName == "" {
			return nil, Errorf(CodeInvalidConfig, "read %s[%d]: want a containerID and an ifname", key, i)
		}
		valid = append(valid, Attachment{Network: network, ContainerID: *e.ContainerID, IfName: *e.IfName})
	}
	return valid, nil
}

// Has reports whether the runtime said that an attachment is valid.
func (c *Collection) Has(containerID, ifName string) bool {
	for _, a := range c.Valid {
		if a.ContainerID == containerID && a.IfName == ifName {
			return true
		}
	}
	return false
}

package cni

import (
	"encoding/json"
	"fmt"
	"os"
)

// The values of CNI_COMMAND.
const (
	ADD     = "ADD"
	CHECK   = "CHECK"
	DEL     = "DEL"
	GC      = "GC"
	STATUS  = "STATUS"
	VERSION = "VERSION"
)

// Call is what a runtime says to a plugin.
type Call struct {
	ContainerID string
	IfName      string
	Netns       string // a path; empty at a late DEL
	Args        string // CNI_ARGS, such as "IgnoreUnknown=1;K8S_POD_NAME=web"

	// Conf is the plugin's block as libcni passes it: with name and cniVersion, and runtimeConfig if there is one.
	// Without PrevResult it goes to the plugin as it is, and so may be anything.
	Conf string
	// PrevResult is put into Conf if it is not empty.
	PrevResult []byte
}

// With returns the call with another prevResult, for CHECK and DEL after an ADD, and for chained plugins.
func (c Call) With(prevResult []byte) Call {
	c.PrevResult = prevResult
	return c
}

func (c Call) stdin() ([]byte, error) {
	if len(c.PrevResult) == 0 {
		return []byte(c.Conf), nil
	}
	// Raw, so that all else keeps its text. libcni too decodes and encodes it, and so orders the keys.
	var conf map[string]json.RawMessage
	if err := json.Unmarshal([]byte(c.Conf), &conf); err != nil {
		return nil, fmt.Errorf("put prevResult into the configuration: %w", err)
	}
	conf["prevResult"] = c.PrevResult
	return json.Marshal(conf)
}

// env is what libcni gives: its own environment, and all six variables, empty or not.
func (c Call) env(command, path string) []string {
	return append(os.Environ(),
		"CNI_COMMAND="+command,
		"CNI_CONTAINERID="+c.ContainerID,
		"CNI_NETNS="+c.Netns,
		"CNI_ARGS="+c.Args,
		"CNI_IFNAME="+c.IfName,
		"CNI_PATH="+path,
	)
}

package kata

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Document is the file of one sandbox, DanConfig of Kata's
// src/runtime-rs/crates/resource/src/network/dan.rs. Where its devices are in the
// host's namespace, netns is null.
type Document struct {
	Netns   *string  `json:"netns"`
	Devices []Device `json:"devices"`
}

// Device is one interface of the guest's, DanDevice there.
type Device struct {
	Name        string      `json:"name"`      // in the guest
	GuestMAC    string      `json:"guest_mac"` // of the guest's NIC
	Tap         Tap         `json:"device"`
	NetworkInfo NetworkInfo `json:"network_info"`
}

// Tap is what the VM monitor opens, Device::HostTap there.
type Tap struct {
	Type     string `json:"type"`
	Name     string `json:"tap_name"`
	QueueNum int    `json:"queue_num,omitempty"` // pairs of queues; 0: as Kata's network_queues says
}

// hostTap is the one type of device that vmtap makes.
const hostTap = "host-tap"

// maxName is the longest name of an interface, in bytes.
const maxName = 15

// NetworkInfo is what Kata's agent sets in the guest, NetworkInfo there.
type NetworkInfo struct {
	Interface Interface `json:"interface"`
	Routes    []Route   `json:"routes"`
}

// Interface is of the guest's, Interface there. Kata wants ip_addresses to be there.
type Interface struct {
	IPAddresses []string `json:"ip_addresses"` // with the length of the prefix
	MTU         int      `json:"mtu"`
}

// Route is of the guest's, Route there.
type Route struct {
	Dest    string `json:"dest,omitempty"`    // a prefix; "" for the default route
	Gateway string `json:"gateway,omitempty"` // "" for none
	Scope   int    `json:"scope,omitempty"`   // as rtnetlink has it
	MTU     int    `json:"mtu,omitempty"`
}

// Parse reads a file of vmtap's. Anything else is an error that says what is in the
// way: no JSON, no devices, or one that is no tap with a name that vmtap gives.
func Parse(text []byte) (*Document, error) {
	var d Document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("it is not Kata's JSON: %w", err)
	}
	if d.Netns != nil {
		return nil, fmt.Errorf("its devices are in namespace %.64q", *d.Netns)
	}
	if len(d.Devices) == 0 {
		return nil, errors.New("it has no devices")
	}
	for i := range d.Devices {
		dev := &d.Devices[i]
		if _, _, ok := vmid.ParseHostLink(dev.Tap.Name); !ok || dev.Tap.Type != hostTap || dev.Name == "" || len(dev.Name) > maxName {
			return nil, fmt.Errorf("device %.64q is of type %.64q, tap %.64q", dev.Name, dev.Tap.Type, dev.Tap.Name)
		}
		// Kata takes no null for a list.
		info := &dev.NetworkInfo
		info.Interface.IPAddresses = append([]string{}, info.Interface.IPAddresses...)
		info.Routes = append([]Route{}, info.Routes...)
	}
	return &d, nil
}

// Text returns the file's text.
func (d *Document) Text() ([]byte, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}

// Put adds a device, in the place of one with its name or its tap. They are in the
// order of the interfaces' numbers, and of each family's default routes that of the first
// is listed: routes have no metric there, and Kata's agent has each replace the one before
// it, so that the guest's would be the last.
func (d *Document) Put(dev Device) {
	d.Keep(func(old *Device) bool { return old.Name != dev.Name && old.Tap.Name != dev.Tap.Name })
	d.Devices = append(d.Devices, dev)
	d.settle()
}

func (d *Document) settle() {
	slices.SortStableFunc(d.Devices, compareDevices)
	var has4, has6 bool // a device before
	for i := range d.Devices {
		info := &d.Devices[i].NetworkInfo
		before4, before6 := has4, has6
		info.Routes = slices.DeleteFunc(info.Routes, func(r Route) bool {
			is4, is6 := r.isDefault()
			has4, has6 = has4 || is4, has6 || is6
			return is4 && before4 || is6 && before6
		})
	}
}

// isDefault reports whether a route is the default one of a family.
func (r Route) isDefault() (of4, of6 bool) {
	dst, err := netip.ParsePrefix(r.Dest)
	if err == nil {
		return dst.Bits() == 0 && dst.Addr().Is4(), dst.Bits() == 0 && dst.Addr().Is6()
	}
	gateway, err := netip.ParseAddr(r.Gateway)
	if r.Dest != "" || err != nil {
		return false, false
	}
	return gateway.Is4(), gateway.Is6()
}

func compareDevices(a, b Device) int {
	vm1, idx1, _ := vmid.ParseHostLink(a.Tap.Name)
	vm2, idx2, _ := vmid.ParseHostLink(b.Tap.Name)
	return cmp.Or(cmp.Compare(idx1, idx2), cmp.Compare(vm1, vm2), strings.Compare(a.Name, b.Name))
}

// Keep drops the devices that are not to be kept, and reports whether there were any.
func (d *Document) Keep(kept func(dev *Device) bool) (dropped bool) {
	before := len(d.Devices)
	d.Devices = slices.DeleteFunc(d.Devices, func(dev Device) bool { return !kept(&dev) })
	return len(d.Devices) < before
}

// Differences names what a file's text lacks to list a device as vmtap writes it, one
// line each. With leased the routes came from an IPAM plugin, and want has all that
// the file may have.
func Differences(text []byte, want Device, leased bool) []string {
	d, err := Parse(text)
	if err != nil {
		return []string{fmt.Sprintf("it is not vmtap's: %v", err)}
	}
	i := slices.IndexFunc(d.Devices, func(dev Device) bool { return dev.Name == want.Name })
	if i < 0 {
		return []string{fmt.Sprintf("device %s is missing", want.Name)}
	}
	var lines []string
	have := d.Devices[i]
	_, idx, _ := vmid.ParseHostLink(want.Tap.Name)
	want.NetworkInfo.Routes = slices.DeleteFunc(slices.Clone(want.NetworkInfo.Routes), func(r Route) bool {
		is4, is6 := r.isDefault()
		mayLack := leased || idx > 0 && (is4 || is6) // that of an interface before it may be listed, or have been
		return mayLack && !slices.Contains(have.NetworkInfo.Routes, r)
	})
	for _, f := range []struct {
		what       string
		have, want any
	}{
		{"guest_mac", have.GuestMAC, want.GuestMAC},
		{"device", have.Tap, want.Tap},
		{"interface", have.NetworkInfo.Interface, want.NetworkInfo.Interface},
		{"routes", have.NetworkInfo.Routes, want.NetworkInfo.Routes},
	} {
		if h, w := words(f.have), words(f.want); h != w {
			lines = append(lines, fmt.Sprintf("device %s: %s is %s, want %s", want.Name, f.what, h, w))
		}
	}
	d.settle()
	if written, err := d.Text(); err != nil || !bytes.Equal(written, text) {
		lines = append(lines, "it is not as vmtap wrote it")
	}
	return lines
}

// words is a part of a document in one line.
func words(part any) string {
	text, err := json.Marshal(part)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

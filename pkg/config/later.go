package config

// What a later release brings. All of it is checked as it will be, and then
// refused: a key that were only ignored could be the one that isolates. The
// value that stands for what is done anyway is accepted.

// readLater reads such keys of the plugin block.
func readLater(f *fields) {
	readGuard(f)
	readVLANs(f)
	for _, key := range []string{"portIsolation", "groupSets"} {
		if n, ok := f.get(key); ok && n.bool() {
			n.notYet()
		}
	}
}

// readGuard reads locked and guard. A guard that is not locked is void, since
// forged addresses move the bridge's table entries.
func readGuard(f *fields) {
	locked, given := f.get("locked")
	lock := given && locked.bool()
	guard, ok := f.get("guard")
	guarded := ok && readGuardValue(guard)
	if guarded && given && !lock {
		locked.refuse("contradicts guard, which is void without it, set it to true or drop guard")
	}
	if lock {
		locked.notYet()
	}
	if guarded {
		guard.notYet()
	}
}

// readGuardValue reads true, false, or what else than its own addresses a
// guest may use, which means true.
func readGuardValue(n node) bool {
	if !n.is(boolean, object) || n.value.kind == boolean {
		return n.value.yes
	}
	f := n.fields()
	optionalAll(f, "addresses", parseAddr)
	optionalAll(f, "lladdrs", parseLLAddr)
	optionalAll(f, "protocols", parseWord)
	f.done()
	return true
}

func readVLANs(f *fields) {
	if n, ok := f.get("vlan"); ok && n.number(0, maxVLAN) != 0 { // 0: none, as in the bridge plugin
		n.notYet()
	}
	n, ok := f.get("vlanTrunk")
	if !ok {
		return
	}
	items := n.items()
	for _, item := range items {
		readTrunk(item)
	}
	if len(items) > 0 {
		n.notYet()
	}
}

// readTrunk reads one VLAN, {"id": 5}, or a range, {"minID": 200, "maxID": 210}.
func readTrunk(n node) {
	f := n.fields()
	id := f.number("id", 1, maxVLAN, 0)
	lo := f.number("minID", 1, maxVLAN, 0)
	hi := f.number("maxID", 1, maxVLAN, 0)
	f.done()
	if one, several := id != 0, lo != 0 && lo <= hi; one == several || one && lo+hi != 0 {
		n.refuse("want minID and maxID, the lower first, or id alone")
	}
}

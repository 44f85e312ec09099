package docs

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/result"
	"github.com/vmtap/vmtap/pkg/vmid"
)

const (
	readme          = "../README.md"
	troubleshooting = "troubleshooting.md"
)

// Reading Markdown, as far as these pages use it.

// pages returns the paths of README.md and of all pages in docs.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{readme}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// block is a fenced code block.
type block struct{ language, text string }

func blocks(page string) []block {
	var all []block
	for _, m := range regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		all = append(all, block{m[1], m[2]})
	}
	return all
}

// prose returns a page without its fenced code blocks.
func prose(page string) string {
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(page, "")
}

// section returns what stands under a heading, up to the next heading of any
// level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, heading+"\n")
	if !ok {
		t.Fatalf("there is no heading %q", heading)
	}
	if i := strings.Index(rest, "\n#"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// rows returns the cells of the table whose header begins with a word.
func rows(t *testing.T, text, first string) [][]string {
	t.Helper()
	var all [][]string
	inTable := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inTable = false
			continue
		}
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
		}
		switch {
		case !inTable && cells[0] == first:
			inTable = true
		case inTable && !strings.HasPrefix(cells[0], "---"):
			all = append(all, cells)
		}
	}
	if len(all) == 0 {
		t.Fatalf("there is no table with the header %q", first)
	}
	return all
}

// spans returns the code spans of a text.
func spans(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile("`` (.+?) ``|``(.+?)``|`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		all = append(all, m[1]+m[2]+m[3])
	}
	return all
}

// Calling config.Parse.

// parse parses a plugin block as libcni hands it over.
func parse(block map[string]any, args string) (config.Request, error) {
	merged := map[string]any{"cniVersion": "1.0.0", "name": "vmnet", "type": "vmtap"}
	maps.Copy(merged, block)
	stdin, err := json.Marshal(merged)
	if err != nil {
		return config.Request{}, err
	}
	return parseText(string(stdin), args)
}

func parseText(stdin, args string) (config.Request, error) {
	return config.Parse(config.Input{
		Stdin:       []byte(stdin),
		ContainerID: "b1946ac92492",
		IfName:      "eth0",
		Netns:       "/run/netns/web",
		Args:        args,
		MachineID:   func() (string, error) { return "4a1f0ac5a2b14c2e8d6c5b7a90e1f233", nil },
	})
}

// parseMembers parses a plugin block of which only the members are given.
func parseMembers(members, args string) (config.Request, error) {
	return parseText(`{"cniVersion": "1.0.0", "name": "vmnet", "type": "vmtap", `+members+"}", args)
}

// decode decodes JSON, if it is any.
func decode(text string) (v any, ok bool) {
	err := json.Unmarshal([]byte(text), &v)
	return v, err == nil
}

// list is a network configuration list.
type list struct {
	CNIVersion  string           `json:"cniVersion"`
	CNIVersions []string         `json:"cniVersions"`
	Name        string           `json:"name"`
	Plugins     []map[string]any `json:"plugins"`
}

// TestJSON: each block of JSON is a configuration that vmtap accepts, or a
// result.
func TestJSON(t *testing.T) {
	configurations, results := 0, 0
	for _, page := range pages(t) {
		for _, b := range blocks(read(t, page)) {
			if b.language != "json" {
				continue
			}
			v, _ := decode(b.text)
			object, ok := v.(map[string]any)
			switch {
			case !ok:
				t.Errorf("%s: no JSON object:\n%s", page, b.text)
			case object["plugins"] != nil:
				configurations++
				testList(t, page, b.text)
			case object["type"] == "vmtap":
				configurations++
				if _, err := parse(object, ""); err != nil {
					t.Errorf("%s: %v\n%s", page, err, b.text)
				}
			case object["interfaces"] != nil:
				results++ // see TestResult and TestWalkResult
			default:
				t.Errorf("%s: neither a configuration nor a result:\n%s", page, b.text)
			}
		}
	}
	if configurations < 3 || results != 1+len(walks()) {
		t.Errorf("%d configurations and %d results: the wrong blocks were looked at", configurations, results)
	}
}

func testList(t *testing.T, page, text string) {
	t.Helper()
	var l list
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatalf("%s: %v\n%s", page, err, text)
	}
	for i, p := range l.Plugins {
		if p["type"] != "vmtap" {
			continue
		}
		p["cniVersion"], p["name"] = l.CNIVersion, l.Name
		if i > 0 {
			p["prevResult"] = map[string]any{}
		}
		if _, err := parse(p, ""); err != nil {
			t.Errorf("%s: %v\n%s", page, err, text)
		}
	}
}

// everything returns the plugin block with all keys.
func everything(t *testing.T) map[string]any {
	t.Helper()
	all := blocks(section(t, read(t, readme), "### All keys"))
	if len(all) != 1 {
		t.Fatalf("%d blocks under All keys, want 1", len(all))
	}
	var l list
	if err := json.Unmarshal([]byte(all[0].text), &l); err != nil {
		t.Fatal(err)
	}
	return l.Plugins[0]
}

// These keys only some placements have.
const (
	chainedOnly = "tap.name"
	kataOnly    = "kata.dir"
)

// alone returns a plugin block with one key, "switch.id" or "routes[].gw",
// and what else must be there for it to be accepted. Without given it has only
// the latter.
func alone(key string, value any, given bool) map[string]any {
	block := map[string]any{"switch": "bridge0", "local": true}
	outer, inner, nested := strings.Cut(key, ".")
	if !nested {
		if given {
			block[key] = value
		}
		return block
	}
	object := map[string]any{}
	if key == chainedOnly {
		block = map[string]any{"placement": "chained", "prevResult": map[string]any{}}
	}
	if key == kataOnly {
		block["placement"] = "host"
		object["dan"] = true
	}
	switch outer {
	case "switch":
		object = map[string]any{"interface": "bridge0", "create": true}
	case "routes[]":
		object["dst"] = "10.0.0.0/8"
	case "vlanTrunk[]":
		switch inner {
		case "minID":
			object["maxID"] = 4094
		case "maxID":
			object["minID"] = 1
		}
	}
	if given {
		object[inner] = value
	}
	block[strings.TrimSuffix(outer, "[]")] = object
	if name, ok := strings.CutSuffix(outer, "[]"); ok {
		block[name] = []any{object}
	}
	return block
}

// keyRows returns the table of keys: a row for each key.
func keyRows(t *testing.T) map[string][]string {
	t.Helper()
	return byKey(t, rows(t, section(t, read(t, readme), "### All keys"), "key"))
}

func laterRows(t *testing.T) map[string][]string {
	t.Helper()
	return byKey(t, rows(t, section(t, read(t, readme), "### Not supported yet"), "key"))
}

func byKey(t *testing.T, table [][]string) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, r := range table {
		key := spans(r[0])
		if len(key) != 1 || all[key[0]] != nil {
			t.Fatalf("%q: want one key, once", r[0])
		}
		all[key[0]] = r
	}
	return all
}

// valueAt returns the value of a key in the block with all keys.
func valueAt(block map[string]any, key string) (value any, ok bool) {
	outer, inner, nested := strings.Cut(key, ".")
	value, ok = block[strings.TrimSuffix(outer, "[]")]
	if !nested || !ok {
		return value, ok
	}
	items, isList := value.([]any)
	if !isList {
		items = []any{value}
	}
	for _, item := range items {
		if object, isObject := item.(map[string]any); isObject {
			if value, ok = object[inner]; ok {
				return value, true
			}
		}
	}
	return nil, false
}

// TestKeysAccepted: each key of the table is in the configuration with all
// keys, and accepted with this value alone.
func TestKeysAccepted(t *testing.T) {
	block := everything(t)
	for key, r := range keyRows(t) {
		value, ok := valueAt(block, key)
		if key == chainedOnly || key == kataOnly {
			value, ok = decode(spans(r[2])[0])
		}
		if !ok {
			t.Errorf("%s is not in the configuration with all keys", key)
			continue
		}
		if _, err := parse(alone(key, value, true), ""); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestKeysInTable: each key of the configuration with all keys is in the
// table.
func TestKeysInTable(t *testing.T) {
	table := keyRows(t)
	for outer, value := range everything(t) {
		if outer == "type" {
			continue
		}
		if table[outer] == nil {
			t.Errorf("%s is not in the table", outer)
		}
		path := outer + "."
		if l, ok := value.([]any); ok {
			value, path = l[0], outer+"[]."
		}
		object, _ := value.(map[string]any)
		for inner := range object {
			if outer != "groups" && outer != "capabilities" && table[path+inner] == nil {
				t.Errorf("%s is not in the table", path+inner)
			}
		}
	}
}

// TestDefaults: a key with the value that the table calls its default changes
// nothing.
func TestDefaults(t *testing.T) {
	checked := 0
	for key, r := range keyRows(t) {
		value, ok := decode(r[2])
		if p, err := netip.ParsePrefix(r[2]); err == nil {
			value, ok = p.String(), true
		}
		if !ok {
			continue // in words
		}
		if key == "switch.create" { // alone has it; see TestDefaultsInWords
			continue
		}
		checked++
		with, err := parse(alone(key, value, true), "")
		if err != nil {
			t.Errorf("%s %v: %v", key, value, err)
			continue
		}
		without, err := parse(alone(key, nil, false), "")
		if err != nil {
			t.Fatalf("without %s: %v", key, err)
		}
		if !reflect.DeepEqual(with, without) {
			t.Errorf("%s: %v is not the default:\n%+v\n%+v", key, value, with, without)
		}
	}
	if checked < 10 {
		t.Errorf("only %d defaults were found", checked)
	}
}

// TestDefaultsInWords are those that the table has in words.
func TestDefaultsInWords(t *testing.T) {
	for _, c := range []struct {
		without, with string
	}{
		{`"up": true`, `"local": true`},
		{`"switch": "br0"`, `"switch": "br0", "local": false`},
		{`"switch": "br0"`, `"switch": {"interface": "br0", "name": "br0", "id": 0, "create": false}`},
		{`"up": true`, `"tap": {"uid": 0}`},
		{`"up": true`, `"vmid": {"range": "1-16383"}`},
		{`"switch": "br0"`, `"switch": "br0", "vmid": {"range": "1-16383"}`},
		{`"up": true`, `"allow": {"name": true}`},
	} {
		a, err := parseMembers(c.without, "")
		if err != nil {
			t.Fatal(err)
		}
		b, err := parseMembers(c.with, "")
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s is not the same as %s:\n%+v\n%+v", c.without, c.with, a, b)
		}
	}
}

// wantLater fails unless err says that something is not supported yet.
func wantLater(t *testing.T, what string, err error) {
	t.Helper()
	var e *config.Error
	if !errors.As(err, &e) || e.Code != config.CodeUnsupportedField || !strings.HasSuffix(e.Error(), ": not supported yet") {
		t.Errorf("%s: got %v, want that it is not supported yet", what, err)
	}
}

// TestLater: what the README calls not supported yet is refused as such, and
// what it calls accepted is accepted.
func TestLater(t *testing.T) {
	for key, r := range laterRows(t) {
		examples := spans(r[1])
		if len(examples) == 0 {
			t.Errorf("%s has no example", key)
		}
		for _, s := range examples {
			v, ok := decode(s)
			if !ok {
				t.Errorf("%s %s: no JSON", key, s)
			}
			_, err := parse(alone(key, v, true), "")
			wantLater(t, key+" "+s, err)
		}
		for _, s := range spans(r[2]) {
			v, ok := decode(s)
			if !ok {
				t.Errorf("%s %s: no JSON", key, s)
			}
			if _, err := parse(alone(key, v, true), ""); err != nil {
				t.Errorf("%s %s: %v", key, s, err)
			}
		}
	}
}

// Finding the keys that pkg/config knows: each word in its source is tried in
// each object, and is a key there unless it is called unknown.

// words returns the strings in the source of pkg/config that may be keys.
func words(t *testing.T) []string {
	t.Helper()
	word := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`)
	seen := map[string]bool{}
	for _, f := range sources(t, "../pkg/config") {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := literal(n); ok && word.MatchString(s) {
				seen[s] = true
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(seen))
}

// sources returns the parsed files of a package, without its tests.
func sources(t *testing.T, dir string) []*ast.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		t.Fatalf("%s has no source", dir)
	}
	return files
}

// literal returns the value of a string literal.
func literal(n ast.Node) (string, bool) {
	l, ok := n.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

// objects returns the plugin block's objects, with what must be in them; %s
// stands for the member that is tried.
func objects() map[string]string {
	return map[string]string{
		"":               `%s`,
		"switch.":        `"switch": {"interface": "bridge0", %s}`,
		"local.":         `"local": {%s}`,
		"tap.":           `"tap": {%s}`,
		"kata.":          `"kata": {%s}`,
		"vmid.":          `"vmid": {%s}`,
		"routes[].":      `"routes": [{"dst": "10.0.0.0/8", %s}]`,
		"dns.":           `"dns": {%s}`,
		"allow.":         `"allow": {%s}`,
		"rdomains.":      `"rdomains": {%s}`,
		"guard.":         `"guard": {%s}`,
		"vlanTrunk[].":   `"vlanTrunk": [{"id": 5, %s}]`,
		"args.cni.vmtap": `"args": {"cni": {"vmtap": {%s}}}`,
	}
}

// unknown reports whether an error calls a key unknown.
func unknown(err error) bool {
	return err != nil && strings.Contains(err.Error(), ": unknown")
}

// knownKeys returns the keys that pkg/config knows in an object.
func knownKeys(t *testing.T, object string) []string {
	t.Helper()
	var known []string
	for _, w := range words(t) {
		// A key that stands in the object already is known: it stands twice.
		if _, err := parseMembers(fmt.Sprintf(object, fmt.Sprintf("%q: null", w)), ""); !unknown(err) {
			known = append(known, w)
		}
	}
	if len(known) == 0 {
		t.Errorf("no key is known in %s", object)
	}
	return known
}

// passed are the keys that the CNI specification and its library put into a
// plugin block.
func passed() []string {
	return []string{"cniVersion", "cniVersions", "name", "type", "args", "runtimeConfig", "prevResult", "deviceID", "pciBusID"}
}

// TestKnownKeys: each key that pkg/config knows is in one of the README's two
// tables, or one of the specification's; and each key of the tables is known.
func TestKnownKeys(t *testing.T) {
	table, later := keyRows(t), laterRows(t)
	var known []string
	for prefix, object := range objects() {
		if prefix == "args.cni.vmtap" {
			continue // see TestChoices
		}
		for _, k := range knownKeys(t, object) {
			known = append(known, prefix+k)
		}
	}
	inReadme := spans(prose(read(t, readme)))
	for _, key := range known {
		outer, inner, _ := strings.Cut(key, ".")
		ofLater := later[strings.TrimSuffix(outer, "[]")]
		switch {
		case table[key] != nil && later[key] != nil:
			t.Errorf("%s stands in both tables", key)
		case table[key] != nil, later[key] != nil:
		case slices.Contains(passed(), key):
			if !slices.Contains(inReadme, key) {
				t.Errorf("%s is not in the README", key)
			}
		case ofLater != nil && strings.Contains(ofLater[1], `"`+inner+`"`):
		default:
			t.Errorf("%s is in no table of the README", key)
		}
	}
	for _, key := range slices.Concat(slices.Collect(maps.Keys(table)), slices.Collect(maps.Keys(later))) {
		if !slices.Contains(known, key) && !strings.HasPrefix(key, "capabilities.") {
			t.Errorf("%s is in the README, and pkg/config does not know it", key)
		}
	}
}

// TestObjects: pkg/config has no other objects than those of TestKnownKeys.
func TestObjects(t *testing.T) {
	for _, key := range knownKeys(t, objects()[""]) {
		if slices.Contains(passed(), key) || key == "ipam" { // ipam's keys are its plugin's
			continue
		}
		for form, suffix := range map[string]string{`"%s": {"zzzzzzzz": null}`: ".", `"%s": [{"zzzzzzzz": null}]`: "[]."} {
			_, err := parseMembers(fmt.Sprintf(form, key), "")
			isObject := unknown(err) || err != nil && strings.HasSuffix(err.Error(), ": missing, give one")
			if _, ok := objects()[key+suffix]; isObject != ok {
				t.Errorf("%s: is an object: %t, in the list of objects: %t", key+suffix, isObject, ok)
			}
		}
	}
}

// TestChoices: the table of what a VM may choose has each place's keys, and no
// others.
func TestChoices(t *testing.T) {
	table := rows(t, section(t, read(t, readme), "## What a VM may choose"), "choice")
	column := func(i int) []string {
		var all []string
		for _, r := range table {
			all = append(all, spans(r[i])...)
		}
		slices.Sort(all)
		return all
	}
	var args, annotations []string
	for _, w := range words(t) {
		if _, err := parseMembers(`"up": true`, w+"="); err == nil || !strings.Contains(err.Error(), "is unknown") {
			args = append(args, w)
		}
		members := fmt.Sprintf(`"capabilities": {"io.kubernetes.cri.pod-annotations": true}, "runtimeConfig": {"io.kubernetes.cri.pod-annotations": {"vmtap.dev/%s": ""}}`, w)
		if _, err := parseMembers(members, ""); !unknown(err) {
			annotations = append(annotations, "vmtap.dev/"+w)
		}
	}
	args = slices.DeleteFunc(args, func(s string) bool { return s == "IgnoreUnknown" })
	for i, want := range map[int][]string{
		1: args,
		2: knownKeys(t, objects()["args.cni.vmtap"]),
		4: annotations,
	} {
		if got := column(i); !slices.Equal(got, want) {
			t.Errorf("column %d has %q, pkg/config knows %q", i+1, got, want)
		}
	}
}

// TestPrecedence: the places of the table stand in rising precedence.
func TestPrecedence(t *testing.T) {
	members := []string{
		`"lladdr": "02:00:00:00:00:01"`,
		`"args": {"cni": {"vmtap": {"lladdr": "02:00:00:00:00:03"}}}`,
		`"capabilities": {"mac": true, "io.kubernetes.cri.pod-annotations": true}, "runtimeConfig": {"mac": "02:00:00:00:00:04"}`,
		`"capabilities": {"mac": true, "io.kubernetes.cri.pod-annotations": true}, "runtimeConfig": {"mac": "02:00:00:00:00:04", "io.kubernetes.cri.pod-annotations": {"vmtap.dev/lladdr": "02:00:00:00:00:05"}}`,
	}
	const args = "MAC=02:00:00:00:00:02"
	for _, c := range []struct{ members, args, want string }{
		{members[0], "", "02:00:00:00:00:01"},
		{members[0], args, "02:00:00:00:00:02"},
		{members[0] + "," + members[1], args, "02:00:00:00:00:03"},
		{members[0] + "," + members[1] + "," + members[2], args, "02:00:00:00:00:04"},
		{members[0] + "," + members[1] + "," + members[3], args, "02:00:00:00:00:05"},
	} {
		r, err := parseMembers(c.members, c.args)
		if err != nil {
			t.Fatal(err)
		}
		if r.LLAddr.String() != c.want {
			t.Errorf("got %s, want %s", r.LLAddr, c.want)
		}
	}
}

// The README's example: what ADD says and makes.

// example returns the README's example as pkg/plan has it.
func example(t *testing.T) (config.Request, plan.State) {
	t.Helper()
	var l list
	if err := json.Unmarshal([]byte(read(t, "../conf/20-switch.conflist")), &l); err != nil {
		t.Fatal(err)
	}
	p := l.Plugins[0]
	p["cniVersion"], p["name"] = slices.Max(l.CNIVersions), l.Name
	req, err := parse(p, "VMID=5;VMNAME=web")
	if err != nil {
		t.Fatal(err)
	}
	nobody := func(...string) (map[string]plan.Found, error) { return nil, nil }
	claim, err := plan.Choose(&req, req.Switch.Interface, nobody)
	if err != nil {
		t.Fatal(err)
	}
	state, err := plan.New(&req, &plan.Node{}, claim)
	if err != nil {
		t.Fatal(err)
	}
	return req, *state
}

// TestResult: the README's result is what vmtap answers.
func TestResult(t *testing.T) {
	req, state := example(t)
	versioned, err := result.New(&req, &state, nil).GetAsVersion(req.CNIVersion)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(versioned)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := decode(string(b))
	shown := blocks(section(t, read(t, readme), "## The result"))
	if len(shown) != 1 {
		t.Fatalf("%d blocks, want 1", len(shown))
	}
	if have, ok := decode(shown[0].text); !ok || !reflect.DeepEqual(have, want) {
		t.Errorf("the README has\n%s\nvmtap answers\n%s", shown[0].text, b)
	}
}

// TestLinksShown: the README shows the links that vmtap makes, with all their
// names, and explains each name.
func TestLinksShown(t *testing.T) {
	_, state := example(t)
	text := section(t, read(t, readme), "## On the host")
	var shown []string
	for line := range strings.Lines(blocks(text)[0].text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "altname ") || strings.HasPrefix(line, "alias ") || strings.HasPrefix(line, "link/ether ") {
			shown = append(shown, strings.Join(strings.Fields(line)[:2], " "))
		}
	}
	var made, names []string
	for _, l := range []*plan.Link{&state.HostLink, &state.Gateway, &state.Bridge} {
		made = append(made, "link/ether "+l.LLAddr.String())
		names = append(names, l.Name)
		if l.Alias != "" {
			made = append(made, "alias "+l.Alias)
			names = append(names, l.Alias)
		}
		for _, a := range l.AltNames {
			made = append(made, "altname "+a)
			names = append(names, a)
		}
		if !strings.Contains(text, ": "+l.Name) {
			t.Errorf("%s is not shown", l.Name)
		}
	}
	if !slices.Equal(shown, made) {
		t.Errorf("shown %q\nmade  %q", shown, made)
	}
	explained := map[string]bool{"bridge0": true} // named by the configuration
	for _, r := range rows(t, text, "name") {
		pattern := regexp.QuoteMeta(spans(r[0])[0])
		pattern = strings.NewReplacer(
			"<vmid>", "5", "<idx>", "0", "<id>", "0", "<container id>", "b1946ac92492", "<CNI_IFNAME>", "eth0",
			"<network name>", "vmnet", "<guest4>", `100\.64\.5\.3`, "<12 hex digits>", "[0-9a-f]{12}", "<bridge>", "bridge0",
			"<host link>", "vm5-if0", "<group>", "(web|vms)", "<VM name>", "web", "<switch name>", "uplink",
		).Replace(pattern)
		re := regexp.MustCompile("^" + pattern + "$")
		used := false
		for _, n := range names {
			if re.MatchString(n) {
				explained[n], used = true, true
			}
		}
		if !used {
			t.Errorf("no link has a name of the form %s", r[0])
		}
	}
	for _, n := range names {
		if !explained[n] {
			t.Errorf("the table does not explain %s", n)
		}
	}
}

// TestCollisionOdds: the odds that the README names are the birthday problem's.
func TestCollisionOdds(t *testing.T) {
	const vms, slots = 100, 16383
	free := 1.0
	for i := range vms {
		free *= 1 - float64(i)/slots
	}
	want := fmt.Sprintf("on %.0f %% of nodes", 100*(1-free))
	if !strings.Contains(strings.Join(strings.Fields(read(t, readme)), " "), want) {
		t.Errorf("the README does not say %q", want)
	}
}

// Errors.

// codes returns pkg/config's error codes by the names of their constants.
func codes(t *testing.T) map[string]config.Code {
	t.Helper()
	all := map[string]config.Code{}
	for _, f := range sources(t, "../pkg/config") {
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Names) != 1 || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "Code") {
				return true
			}
			if l, ok := v.Values[0].(*ast.BasicLit); ok {
				i, err := strconv.ParseUint(l.Value, 10, 32)
				if err != nil {
					t.Fatal(err)
				}
				all[v.Names[0].Name] = config.Code(i)
			}
			return true
		})
	}
	return all
}

// TestCodes: the README's table has each error code, and no other.
func TestCodes(t *testing.T) {
	var have, want []string
	for _, r := range rows(t, section(t, read(t, readme), "## Errors"), "code") {
		have = append(have, r[0])
	}
	for _, c := range codes(t) {
		want = append(want, strconv.Itoa(int(c)))
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("the table has %q, pkg/config %q", have, want)
	}
}

// said is a message that the code can say.
type said struct {
	pattern *regexp.Regexp
	code    config.Code
}

// messages returns what the code outside pkg/config says.
func messages(t *testing.T) []said {
	t.Helper()
	byName := codes(t)
	var all []said
	for _, dir := range []string{"../pkg/kernel", "../pkg/plan", "../pkg/plugin", "../pkg/delegate"} {
		for _, f := range sources(t, dir) {
			ast.Inspect(f, func(n ast.Node) bool {
				if c, ok := n.(*ast.CallExpr); ok {
					all = append(all, saidBy(c, byName)...)
				}
				return true
			})
		}
	}
	return all
}

// saidBy returns the message of a call that makes one.
func saidBy(c *ast.CallExpr, byName map[string]config.Code) []said {
	name, suffix := "", ""
	format, code := 0, config.CodeIO
	switch f := c.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	switch {
	case name == "newMessage":
		format, suffix = 2, "(: .+)?" // the kernel's reason
	case name != "Errorf":
		return nil
	}
	if s, ok := c.Args[0].(*ast.SelectorExpr); ok && name == "Errorf" {
		format, code = 1, byName[s.Sel.Name]
	}
	if len(c.Args) <= format {
		return nil
	}
	text, ok := literal(c.Args[format])
	if !ok {
		return nil
	}
	verb := regexp.MustCompile(`%[-+# 0-9.]*[a-z]`)
	if len(verb.ReplaceAllString(text, "")) < 8 {
		return nil // says nothing by itself
	}
	var pattern []string
	for _, part := range verb.Split(text, -1) {
		pattern = append(pattern, regexp.QuoteMeta(part))
	}
	return []said{{regexp.MustCompile("^" + strings.Join(pattern, ".+") + suffix + "$"), code}}
}

// TestMessages: each message that troubleshooting.md explains is one that
// vmtap, with this code, says.
func TestMessages(t *testing.T) {
	const inPod = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web"
	inConfig := map[string]struct{ members, args string }{
		`read key "rdomian" 10: unknown, did you mean rdomain?`:                                              {`"rdomian": 10`, ""},
		`read key "bridge" "br0": unknown, vmtap's word is switch.interface`:                                 {`"bridge": "br0"`, ""},
		`use routes[0].table 5: not supported yet`:                                                           {`"routes": [{"dst": "10.0.0.0/8", "table": 5}]`, ""},
		`read mtu: want a number, have a string`:                                                             {`"mtu": "1500"`, ""},
		`read local.prefix "100.64.0.1/10": host bits are set, write 100.64.0.0/10`:                          {`"local": {"prefix": "100.64.0.1/10"}`, ""},
		`read local: local prefix 10.0.0.0/24: no VM fits with 8 address bits per VM, choose /23 or shorter`: {`"local": {"prefix": "10.0.0.0/24"}`, ""},
		`read group "web1": a group must not end with a digit`:                                               {`"group": "web1"`, ""},
		`read locked false: an interface with addresses is guarded and a guard is void without it, since forged lladdrs move the switch's table entries, add guard false or drop locked`: {`"locked": false`, ""},
		`read guard true: the interface has no addresses that a guard could hold the guest to: it is not local and has no ipam, use locked or add guard.addresses`:                       {`"guard": true, "switch": "br0"`, ""},
		`read mtu 1279: IPv6 wants 1280 at least, raise it or set local.inet6 to false`:                                                                                                  {`"mtu": 1279`, ""},
		`read routes[0] to 10.0.0.0/8: an interface that is not local has no gateway, give gw`:                                                                                           {`"switch": "br0", "routes": [{"dst": "10.0.0.0/8"}]`, ""},
		`read CNI_ARGS: "FOO" is unknown`:                                  {`"up": true`, "FOO=1"},
		`choose CNI_ARGS VMID "7": not allowed, allow.vmid is not given`:   {`"up": true`, inPod + ";VMID=7"},
		`choose vmid 20000: outside 1-16383, the range of network "vmnet"`: {`"up": true`, "VMID=20000"},

		`use hostAccess "icmp": it limits guests in rdomain 0, and this one is in rdomain 10, drop hostAccess`:           {`"hostAccess": "icmp", "rdomain": 10`, ""},
		`use ipMasq true: contradicts forward false, without forwarding there is nothing to translate, drop one of them`: {`"ipMasq": true, "forward": false`, ""},

		`use rdomain 10: its table would be 254, and 253-255 are the kernel's own, choose another rdomain or rdomains.tableBase`: {`"rdomain": 10, "rdomains": {"tableBase": 244}`, ""},
		`use rdomain 10: an interface that is not local is in its switch's, which is 20, drop rdomain or add local`:              {`"rdomain": 10, "switch": {"interface": "bridge0", "rdomain": 20}`, ""},
	}
	onNode := rdomainMessages()
	// What the CNI library says before vmtap is asked.
	library := map[string]config.Code{
		"incompatible CNI versions":            config.CodeVersion,
		"config version does not allow STATUS": config.CodeVersion,
	}
	// What GC says of a list.
	ofGC := map[string]string{`read cni.dev/valid-attachments[0]: want a containerID and an ifname`: `[{}]`}
	all := messages(t)
	explained := 0
	text := read(t, troubleshooting)
	heading := regexp.MustCompile("(?m)^### `.*`$")
	for _, at := range heading.FindAllStringIndex(text, -1) {
		message := spans(text[at[0]:at[1]])[0]
		m := regexp.MustCompile(`^\s+Code (\d+)\. `).FindStringSubmatch(text[at[1]:])
		if m == nil {
			t.Errorf("%s: no code is named", message)
			continue
		}
		i, _ := strconv.ParseUint(m[1], 10, 32)
		code := config.Code(i)
		explained++
		if c, ok := inConfig[message]; ok {
			delete(inConfig, message)
			_, err := parseMembers(c.members, c.args)
			var e *config.Error
			if !errors.As(err, &e) || e.Error() != message || e.Code != code {
				t.Errorf("%s, code %d: vmtap says %v", message, code, err)
			}
			continue
		}
		if c, ok := onNode[message]; ok {
			delete(onNode, message)
			req, err := parseMembers(c.members, "")
			if err != nil {
				t.Fatal(err)
			}
			err = plan.CheckRDomains(&req, &c.node)
			var e *config.Error
			if !errors.As(err, &e) || e.Error() != message || e.Code != code {
				t.Errorf("%s, code %d: vmtap says %v", message, code, err)
			}
			continue
		}
		if list, ok := ofGC[message]; ok {
			_, err := config.ParseCollection(config.Input{Stdin: fmt.Appendf(nil, `{"name": "vmnet", "cni.dev/valid-attachments": %s}`, list)})
			var e *config.Error
			if !errors.As(err, &e) || e.Error() != message || e.Code != code {
				t.Errorf("%s, code %d: vmtap says %v", message, code, err)
			}
			continue
		}
		if c, ok := library[message]; ok {
			if c != code {
				t.Errorf("%s: code %d, want %d", message, code, c)
			}
			continue
		}
		if !slices.ContainsFunc(all, func(s said) bool { return s.code == code && s.pattern.MatchString(message) }) {
			t.Errorf("%s, code %d: nothing in the code says so", message, code)
		}
	}
	for message := range inConfig {
		t.Errorf("%s: not explained", message)
	}
	for message := range onNode {
		t.Errorf("%s: not explained", message)
	}
	if explained < 20 {
		t.Errorf("only %d messages were found", explained)
	}
}

// onNode is a configuration, and a node that refuses it.
type onNode struct {
	members string
	node    plan.Node
}

// rdomainMessages returns what is said of rdomains on nodes.
func rdomainMessages() map[string]onNode {
	const (
		rdomain = `"rdomain": 10`
		onBr    = `"switch": {"interface": "bridge0", "rdomain": 10}`
	)
	bridge := func(master string, addrs ...netip.Prefix) plan.Bridge {
		return plan.Bridge{Name: "bridge0", Kind: plan.KindBridge, Master: master, Addrs: addrs}
	}
	vrf := plan.VRF{Name: "rdomain10", Kind: plan.KindVRF, Table: 1010}
	local, l3mdev := plan.Rule{Table: plan.TableLocal}, plan.Rule{Preference: 1000, L3mdev: true}
	both := []plan.Rule{local, l3mdev}
	another := func(preference, table uint32) []plan.Rule {
		return []plan.Rule{local, {Preference: preference, Table: table}, l3mdev}
	}
	return map[string]onNode{
		`use rdomain 10: the link "rdomain10" is a bridge, not a VRF, rename it`:                                                                                                                   {rdomain, plan.Node{RDomain: plan.VRF{Name: "rdomain10", Kind: plan.KindBridge}}},
		`use rdomain 10: VRF "rdomain10" has table 5, want 1010, make it anew or change rdomains.tableBase`:                                                                                        {rdomain, plan.Node{RDomain: plan.VRF{Name: "rdomain10", Kind: plan.KindVRF, Table: 5}}},
		`use rdomain 10: VRF "red" has its table 1010 already, choose another rdomain or rdomains.tableBase`:                                                                                       {rdomain, plan.Node{RDomain: plan.VRF{Rival: "red"}}},
		`use switch "bridge0": it is in "rdomain10" and switch.rdomain is 0, set switch.rdomain to what it is in, or take it out`:                                                                  {`"switch": "bridge0"`, plan.Node{Bridge: bridge("rdomain10")}},
		`put switch "bridge0" into rdomain 10: it is in "rdomain20", take it out or change switch.rdomain`:                                                                                         {onBr, plan.Node{Bridge: bridge("rdomain20")}},
		`put switch "bridge0" into rdomain 10: it has the address 192.0.2.1/24, which the node would lose, remove it or put the bridge there by hand`:                                              {onBr, plan.Node{Bridge: bridge("", netip.MustParsePrefix("192.0.2.1/24"))}},
		`use rdomain 20 on switch "bridge0", which is in rdomain 10: not supported yet on a bridge that is not vmtap's, since guests could use it as a router, let vmtap make one (switch.create)`: {onBr + `, "local": true, "rdomain": 20`, plan.Node{Bridge: bridge("rdomain10")}},
		`use rdomains: the l3mdev rule of IPv4 is missing, so nothing keeps rdomains apart, add it: ip rule add pref 1000 l3mdev`:                                                                  {rdomain, plan.Node{RDomain: vrf, Rules: plan.Rules{IPv4: []plan.Rule{local}, IPv6: both}}},
		`use rdomains: rule 500 of IPv4, for table 100, stands before the l3mdev rule, so packets of rdomains are looked up there, give it a higher preference`:                                    {rdomain, plan.Node{RDomain: vrf, Rules: plan.Rules{IPv4: another(500, 100), IPv6: both}}},
		`use rdomains: rule 5 of IPv4, for table local, stands before the l3mdev rule, so rdomains reach the host's addresses, have the l3mdev rule at 1000 and this one at 1001`:                  {rdomain + `, "rdomains": {"moveLocalRule": true}`, plan.Node{RDomain: vrf, Rules: plan.Rules{IPv4: another(5, plan.TableLocal), IPv6: both}}},
		`use rdomains: net.ipv4.tcp_l3mdev_accept is not 0, so tcp sockets in rdomain 0 take packets of other rdomains, set it to 0`:                                                               {rdomain, plan.Node{RDomain: vrf, Rules: plan.Rules{IPv4: both, IPv6: both, Accepts: []string{"tcp"}}}},
	}
}

// TestCheckWordsOfRDomains: CHECK says of rdomains what troubleshooting.md
// explains.
func TestCheckWordsOfRDomains(t *testing.T) {
	var l list
	if err := json.Unmarshal([]byte(read(t, "../conf/30-tenant-a.conflist")), &l); err != nil {
		t.Fatal(err)
	}
	p := l.Plugins[0]
	p["cniVersion"], p["name"] = l.CNIVersion, l.Name
	req, err := parse(p, "VMID=5")
	if err != nil {
		t.Fatal(err)
	}
	claim, err := plan.Choose(&req, req.Switch.Interface, func(...string) (map[string]plan.Found, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	want, err := plan.New(&req, &plan.Node{}, claim)
	if err != nil {
		t.Fatal(err)
	}
	deleted, open := *want, *want
	deleted.RDomain, deleted.Gateway.Master = plan.Link{}, ""
	deleted.Rules = plan.Rules{IPv4: []plan.Rule{{Table: plan.TableLocal}}}
	open.RDomain.Unreachable = nil
	open.Rules = plan.Rules{IPv4: []plan.Rule{{Table: plan.TableLocal}, {Preference: 1000, L3mdev: true}}, Accepts: []string{"raw"}}
	said := strings.Join(append(plan.Diff(want, &deleted), plan.Diff(want, &open)...), "\n")
	explained := 0
	for _, r := range rows(t, section(t, read(t, troubleshooting), "## What CHECK says"), "words") {
		words := spans(r[0])[0]
		if !strings.Contains(words, "rdomain") && !strings.Contains(words, "policy") && !strings.Contains(words, "unreachable") {
			continue
		}
		explained++
		if !strings.Contains(said, words) {
			t.Errorf("CHECK does not say %q, but\n%s", words, said)
		}
	}
	if explained < 6 {
		t.Errorf("only %d rows are about rdomains", explained)
	}
}

// Links, targets and decisions.

// anchor returns the fragment that leads to a heading.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(strings.TrimLeft(heading, "#"))) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '_':
			b.WriteRune(r)
		}
	}
	return b.String()
}

// TestLinks: links inside the repository lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading := regexp.MustCompile(`(?m)^#+ .*$`)
	checked := 0
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(prose(read(t, page)), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			checked++
			path, fragment, _ := strings.Cut(m[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to %s: %v", page, m[1], err)
				continue
			}
			if fragment == "" {
				continue
			}
			if !slices.ContainsFunc(heading.FindAllString(prose(read(t, target)), -1), func(h string) bool { return anchor(h) == fragment }) {
				t.Errorf("%s: link to %s: no such heading", page, m[1])
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d links were found", checked)
	}
}

// TestMakeTargets: what the pages tell to make can be made.
func TestMakeTargets(t *testing.T) {
	makefile := read(t, "../Makefile")
	use := regexp.MustCompile("(?m)(?:`|^    )make ([a-z][a-z0-9-]*)")
	found := map[string]bool{}
	for _, page := range pages(t) {
		for _, m := range use.FindAllStringSubmatch(read(t, page), -1) {
			found[m[1]] = true
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).MatchString(makefile) {
				t.Errorf("%s: make %s: the Makefile has no such target", page, m[1])
			}
		}
	}
	for _, want := range []string{"demo", "test", "build"} {
		if !found[want] {
			t.Errorf("the pages do not mention make %s", want)
		}
	}
}

// TestDecisions: decisions are numbered without gaps, have the three sections
// in order, and stand in the README.
func TestDecisions(t *testing.T) {
	paths, err := filepath.Glob("adr/*")
	if err != nil {
		t.Fatal(err)
	}
	inReadme := read(t, readme)
	for i, path := range paths { // sorted
		text := read(t, path)
		number := fmt.Sprintf("%04d-", i+1)
		title := fmt.Sprintf("# %d. ", i+1)
		if !strings.HasPrefix(filepath.Base(path), number) || !strings.HasPrefix(text, title) {
			t.Errorf("%s: want %s in its name and %q in its title", path, number, title)
		}
		headings := regexp.MustCompile(`(?m)^##+ .*$`).FindAllString(text, -1)
		if want := []string{"## Context", "## Decision", "## Consequences"}; !slices.Equal(headings, want) {
			t.Errorf("%s has the headings %q, want %q", path, headings, want)
		}
		line, _, _ := strings.Cut(text, "\n")
		if entry := fmt.Sprintf("[%s](docs/%s)", strings.TrimPrefix(line, "# "), path); !strings.Contains(inReadme, entry) {
			t.Errorf("the README lacks %s", entry)
		}
	}
	if len(paths) < 10 {
		t.Errorf("only %d decisions were found", len(paths))
	}
}

// TestDerivedExamples: the examples of the decision on derived values.
func TestDerivedExamples(t *testing.T) {
	scheme, err := vmid.New(netip.MustParsePrefix(vmid.DefaultPrefix4), netip.Prefix{}, vmid.DefaultBits)
	if err != nil {
		t.Fatal(err)
	}
	addrs, err := scheme.Addrs(5, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"preferred vmid of `default/web` in 1 to 16383":    fmt.Sprint(vmid.Slot("default/web", 1, 16383)),
		"lladdr of `default/web`, idx 0":                   vmid.DeriveLLAddr("default/web", 0).String(),
		"lladdr of `default/web`, idx 0, vmid 1 mixed in":  vmid.DeriveLLAddrMixed("default/web", 0, 1).String(),
		"host link of vmid 5, idx 0, local, 100.64.0.0/10": vmid.LinkAddr(vmid.RoleHostLink, addrs.Guest4, 5, 0).String(),
		"host link of vmid 5, idx 0, not local":            vmid.LinkAddr(vmid.RoleHostLink, netip.Addr{}, 5, 0).String(),
		"gateway of vmid 5, idx 0, 100.64.0.0/10":          vmid.LinkAddr(vmid.RoleGateway, addrs.Guest4, 5, 0).String(),
		"bridge `bridge0`":                                 vmid.BridgeAddr("bridge0").String(),
	}
	text := read(t, "adr/0003-derived-values.md")
	for _, r := range rows(t, text, "example") {
		if w, ok := want[r[0]]; !ok || r[1] != "`"+w+"`" {
			t.Errorf("%s: the page has %s, the code %q", r[0], r[1], w)
		}
		delete(want, r[0])
	}
	for what := range want {
		t.Errorf("%s: not in the page", what)
	}
	for _, r := range rows(t, text, "role") {
		roles := map[string]vmid.Role{
			"host link": vmid.RoleHostLink, "the host link's end in the pod": vmid.RoleHostPeer,
			"gateway": vmid.RoleGateway, "the gateway's end in the pod": vmid.RoleGatewayPod,
			"bridge that vmtap made": vmid.RoleBridge,
		}
		if fmt.Sprint(byte(roles[r[1]])) != r[0] {
			t.Errorf("role of the %s: the page has %s", r[1], r[0])
		}
	}
}

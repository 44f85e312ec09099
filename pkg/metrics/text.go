package metrics

import (
	"io"
	"strconv"
	"strings"
)

// Type is what a family's values are.
type Type string

// The types that are used here.
const (
	Counter Type = "counter"
	Gauge   Type = "gauge"
)

// Family is the samples of one name.
type Family struct {
	Name, Help string
	Type       Type
	Samples    []Sample
}

// Sample is one value, by its labels: names and values in turn.
type Sample struct {
	Labels []string
	Value  float64
}

// ContentType is that of Write.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Write writes families in the text format of Prometheus.
func Write(w io.Writer, families []Family) error {
	var b strings.Builder
	help, value := strings.NewReplacer(`\`, `\\`, "\n", `\n`), strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
	for _, f := range families {
		b.WriteString("# HELP " + f.Name + " " + help.Replace(f.Help) + "\n# TYPE " + f.Name + " " + string(f.Type) + "\n")
		for _, s := range f.Samples {
			b.WriteString(f.Name)
			for i := 0; i+1 < len(s.Labels); i += 2 {
				b.WriteString(map[bool]string{true: "{", false: ","}[i == 0] + s.Labels[i] + `="` + value.Replace(s.Labels[i+1]) + `"`)
			}
			if len(s.Labels) > 1 {
				b.WriteString("}")
			}
			b.WriteString(" " + strconv.FormatFloat(s.Value, 'g', -1, 64) + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

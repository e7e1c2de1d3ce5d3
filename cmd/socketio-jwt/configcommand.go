package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"socketiojwt/internal/display"
	"socketiojwt/internal/doctor"
)

// errInvalid is returned by config check after it has printed the problems.
var errInvalid = errors.New("the configuration is invalid")

type configCommands struct {
	Check configCheckCommand `cmd:"" help:"Report all problems of a configuration of serve, without serving."`
	Show  configShowCommand  `cmd:"" help:"Print the configuration that serve would use, and where each value comes from."`
}

// configCheckCommand reports the problems of a configuration.
type configCheckCommand struct {
	serveCommand `embed:""`
}

// Help is shown by --help.
func (configCheckCommand) Help() string {
	return `Takes the flags, the variables and the configuration file of serve, reads the files that they name, and prints each problem on a line of its own, with the file and the line where it is. It asks no other machine and opens no port: "doctor" does.

The exit code is 0 if serve would accept the configuration, and 2 otherwise.

Examples:

    socketio-jwt config check --config /etc/socketio-jwt/socketio-jwt.toml`
}

// Run prints the problems.
func (c *configCheckCommand) Run(t terminal) error {
	wrong := problemsOf(c.check())
	for _, err := range wrong {
		fmt.Fprintln(t.err, display.Printable(display.Redact(doctor.Plain(err), "")))
	}
	if len(wrong) > 0 {
		return errInvalid
	}
	fmt.Fprintln(t.out, "The configuration is valid.")
	return nil
}

var flagInText = regexp.MustCompile(`--([a-z0-9][a-z0-9-]*)`)

// located adds to each error where in the file the first flag that it names has its value from.
func (c *configFile) located(err error) error {
	var all []error
	for _, one := range problemsOf(err) {
		if p := (*problem)(nil); !errors.As(one, &p) {
			one = &problem{c.whereOf(one.Error()), one}
		}
		all = append(all, one)
	}
	return joined(all...)
}

// whereOf returns FILE:LINE for the first flag in a text that has its value from the file.
func (c *configFile) whereOf(text string) string {
	for _, match := range flagInText.FindAllStringSubmatch(text, -1) {
		if source := c.sources[match[1]]; strings.Contains(source, ":") {
			return source
		}
	}
	return ""
}

// configShowCommand prints a configuration.
type configShowCommand struct {
	serveCommand `embed:""`
}

// Help is shown by --help.
func (configShowCommand) Help() string {
	return `Takes the flags, the variables and the configuration file of serve, and prints the values that serve would use, in the format of that file, each with where it comes from: a flag, a variable, FILE:LINE or "default". Keys without a value are commented out. Secrets are not shown.

Examples:

    socketio-jwt config show
    socketio-jwt config show --config /etc/socketio-jwt/socketio-jwt.toml`
}

// Run prints the configuration.
func (c *configShowCommand) Run(t terminal) error {
	for _, name := range c.order {
		s := c.settings[name]
		line := name + " = " + s.text
		if s.secret || s.text == "" {
			line = "# " + name
			if s.secret && s.text != "" {
				line += " is set, and not shown"
			}
		}
		fmt.Fprintf(t.out, "%s  # %s\n", line, c.sources[name])
	}
	for _, table := range c.namespaces {
		fmt.Fprintf(t.out, "\n[[namespace]]  # %s\n", table.where)
		for _, flag := range table.flags() {
			if text := formatted(flag, display.URL); text != "" && !flag.Tag.Has("secret") {
				fmt.Fprintf(t.out, "%s = %s\n", flag.Name, text)
			}
		}
	}
	if err := c.check(); err != nil {
		return err
	}
	return nil
}

// setting is the value of a flag.
type setting struct {
	text    string // in TOML, for people; empty if there is no value
	value   string // the same with the secrets of a URL
	initial string // the value of the default
	secret  bool
	reload  bool // it changes at SIGHUP
}

// settingsOf returns the values of flags by their names, and the names in their order.
func settingsOf(flags []*kong.Flag) (settings map[string]setting, order []string) {
	settings = map[string]setting{}
	for _, flag := range flags {
		if notInFile(flag) {
			continue
		}
		settings[flag.Name] = setting{formatted(flag, display.URL), formatted(flag, unchanged), initial(flag), flag.Tag.Has("secret"), flag.Tag.Has("reload")}
		order = append(order, flag.Name)
	}
	return settings, order
}

// initial returns the default of a flag in TOML, empty if it has none.
func initial(flag *kong.Flag) string {
	value := reflect.New(flag.Target.Type()).Elem()
	if flag.HasDefault {
		if err := flag.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: flag.Default}), value); err != nil {
			panic(err) // an error in the struct tags
		}
	}
	return formattedValue(flag, value, unchanged)
}

func unchanged(text string) string { return text }

// formatted returns the value of a flag in TOML, empty if it has none. Texts are first changed by
// shown.
func formatted(flag *kong.Flag, shown func(string) string) string {
	return formattedValue(flag, flag.Target, shown)
}

func formattedValue(flag *kong.Flag, value reflect.Value, shown func(string) string) string {
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return ""
		}
		value = value.Elem()
	}
	switch kindOf(flag) {
	case reflect.Bool, reflect.Int:
		return fmt.Sprint(value.Interface())
	case reflect.Slice:
		var list []string
		for i := range value.Len() {
			list = append(list, quoted(shown(fmt.Sprint(value.Index(i).Interface()))))
		}
		if list == nil {
			return ""
		}
		return "[" + strings.Join(list, ", ") + "]"
	}
	text := fmt.Sprint(value.Interface())
	switch d, ok := value.Interface().(time.Duration); {
	case ok:
		text = shortDuration(d)
	case text == "":
		return ""
	case flag.Name == "log-level":
		text = strings.ToLower(text)
	}
	return quoted(shown(text))
}

// quoted returns a text as a basic string of TOML. What JSON escapes, TOML escapes in the same way.
func quoted(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string cannot fail
	return strings.TrimSpace(b.String())
}

// shortDuration returns a duration as a user would write it: 30d, 15m, 1m30s.
func shortDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// A changed value is one that differs between two configurations.
type changed struct {
	name, old, new string
	reload         bool
}

// changes returns the values that differ. Secrets are left out: flags and variables do not change
// while the process runs, and the file has none.
func changes(old, next map[string]setting) (list []changed) {
	for name, was := range old {
		if is := next[name]; is.value != was.value && !was.secret {
			list = append(list, changed{name, was.text, is.text, was.reload})
		}
	}
	slices.SortFunc(list, func(a, b changed) int { return strings.Compare(a.name, b.name) })
	return list
}

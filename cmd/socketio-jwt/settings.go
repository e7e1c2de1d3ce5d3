package main

import (
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// configFile holds the flag that names the configuration file, and what was read.
type configFile struct {
	Config string `env:"SOCKETIO_JWT_CONFIG" placeholder:"FILE" help:"Configuration file in TOML. Its keys are the names of these flags, and [[namespace]] tables configure namespaces. Flags beat variables, and variables beat the file. It is read again at SIGHUP."`

	namespaces []*namespaceTable
	settings   map[string]setting // by the names of the flags
	order      []string           // of the names
	sources    map[string]string  // where each flag got its value, by its name: "flag", a variable, FILE:LINE or "default"
	problems   []error            // in the file
}

// sourceDefault and sourceFlag are values of configFile.sources.
const (
	sourceDefault = "default"
	sourceFlag    = "flag"
)

// file returns c, for commands that have the flags of serve.
func (c *configFile) file() *configFile { return c }

// read reads the configuration file, if there is one, into the flags that neither the command
// line nor the environment has set. Problems in the file are kept for check.
func (c *configFile) read(parsed *kong.Context) {
	c.sources = sourcesOf(parsed)
	c.readFile(parsed)
	c.settings, c.order = settingsOf(parsed.Flags())
}

func (c *configFile) readFile(parsed *kong.Context) {
	if c.Config == "" {
		return
	}
	d, err := readDocument(c.Config)
	if err != nil {
		c.problems = []error{err}
		return
	}
	names := flagsByName(parsed.Flags())
	for _, key := range d.inOrder("", d.values) {
		if key == "namespace" {
			c.readNamespaces(d)
			continue
		}
		flag, err := fileFlag(names, key)
		if err == nil && c.sources[key] == sourceDefault {
			err = set(flag, d.values[key])
			c.sources[key] = d.where(key)
		} else if err == nil {
			err = try(flag, d.values[key])
		}
		if err != nil {
			c.problems = append(c.problems, &problem{d.where(key), err})
		}
	}
}

// sourcesOf returns where the flags have their values from, without a file.
func sourcesOf(parsed *kong.Context) map[string]string {
	sources := map[string]string{}
	for _, flag := range parsed.Flags() {
		sources[flag.Name] = sourceDefault
		for _, variable := range flag.Envs {
			if _, ok := os.LookupEnv(variable); ok {
				sources[flag.Name] = variable
			}
		}
	}
	for _, step := range parsed.Path {
		if step.Flag != nil {
			sources[step.Flag.Name] = sourceFlag
		}
	}
	return sources
}

func flagsByName(flags []*kong.Flag) map[string]*kong.Flag {
	names := map[string]*kong.Flag{}
	for _, flag := range flags {
		names[flag.Name] = flag
	}
	return names
}

// fileFlag returns the flag for a key of the file. Secrets have no key: the file need not be kept
// from others, and is safe to commit.
func fileFlag(names map[string]*kong.Flag, key string) (*kong.Flag, error) {
	flag, known := names[key]
	switch {
	case known && flag.Tag.Has("secret"):
		instead := key + "-file"
		if len(flag.Envs) > 0 {
			instead += ", or the variable " + flag.Envs[0]
		}
		return nil, fmt.Errorf("%s is a secret, which this file must not hold: use %s", key, instead)
	case known && !notInFile(flag):
		return flag, nil
	}
	var keys []string
	for name, flag := range names {
		if !flag.Tag.Has("secret") && !notInFile(flag) {
			keys = append(keys, name)
		}
	}
	slices.Sort(keys)
	if nearest := nearest(key, keys); nearest != "" {
		return nil, fmt.Errorf("unknown key %.64q: did you mean %s?", key, nearest)
	}
	return nil, fmt.Errorf("unknown key %.64q: the keys are the names of the flags in \"serve --help\", without --", key)
}

// notInFile reports whether a flag has no key: it has no variable either, or names the file.
func notInFile(flag *kong.Flag) bool {
	return flag.Name == "config" || flag.Hidden || flag.Tag.Has("nofile") || flag.Name == "help" || flag.Name == "version"
}

// set sets a flag to a value of the file. Errors do not quote the value, unless it is one of a few
// words that are allowed.
func set(flag *kong.Flag, value any) error { return setIn(flag, value, flag.Target) }

// try returns the error that set would return.
func try(flag *kong.Flag, value any) error {
	return setIn(flag, value, reflect.New(flag.Target.Type()).Elem())
}

func setIn(flag *kong.Flag, value any, target reflect.Value) error {
	given, err := textOf(flag, value)
	if err != nil {
		return err
	}
	if text, ok := given.(string); ok && flag.Enum != "" && !slices.Contains(flag.EnumSlice(), text) {
		return fmt.Errorf("%s must be one of %s", flag.Name, strings.Join(flag.EnumSlice(), ", "))
	}
	fresh := reflect.New(target.Type()).Elem()
	if err := flag.Parse(kong.Scan().PushTyped(given, kong.FlagValueToken), fresh); err != nil {
		return fmt.Errorf("%s must be %s", flag.Name, example(flag))
	}
	target.Set(fresh)
	return nil
}

// textOf returns a value of the file in the form in which kong takes that of a flag. It fails if
// the type is wrong.
func textOf(flag *kong.Flag, value any) (any, error) {
	wrong := fmt.Errorf("%s must be %s", flag.Name, example(flag))
	switch kindOf(flag) {
	case reflect.Bool:
		if b, ok := value.(bool); ok {
			return strconv.FormatBool(b), nil
		}
	case reflect.Int:
		if n, ok := value.(int64); ok {
			return strconv.FormatInt(n, 10), nil
		}
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, one := range list {
			text, ok := one.(string)
			if !ok {
				return nil, wrong
			}
			if text == "" {
				return nil, fmt.Errorf("%s has an empty entry", flag.Name)
			}
			if err := noPassword(flag, text); err != nil {
				return nil, err
			}
		}
		return list, nil
	default:
		if text, ok := value.(string); ok {
			if text == "" && flag.Target.Kind() == reflect.String {
				return nil, fmt.Errorf("%s is empty: leave the key out, or give it a value", flag.Name)
			}
			return text, noPassword(flag, text)
		}
	}
	return nil, wrong
}

// noPassword returns an error if a value is a URL with a password.
func noPassword(flag *kong.Flag, text string) error {
	u, err := url.Parse(text)
	if err != nil { // the check of the flag says more
		u = &url.URL{User: url.User("")}
		if _, rest, ok := strings.Cut(text, "://"); ok && strings.Contains(rest, "@") {
			u.User = url.UserPassword("", "")
		}
	}
	if _, has := u.User.Password(); has {
		return fmt.Errorf("%s has a password, which this file must not hold: leave it out of the URL, and use the key %s-password-file if there is one, or the variable of the flag", flag.Name, flag.Name)
	}
	return nil
}

// kindOf returns the kind of the values of a flag. Durations, levels and addresses are texts.
func kindOf(flag *kong.Flag) reflect.Kind {
	kind := flag.Target.Type()
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch {
	case kind == reflect.TypeFor[time.Duration](), reflect.PointerTo(kind).Implements(reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()):
		return reflect.String
	}
	return kind.Kind()
}

// example describes the values of a flag, for errors.
func example(flag *kong.Flag) string {
	switch kind := flag.Target.Type(); {
	case kind == reflect.TypeFor[time.Duration](), kind == reflect.TypeFor[*time.Duration]():
		return `a duration in quotes, such as "90s", "15m" or "7d"`
	case kindOf(flag) == reflect.Bool:
		return "true or false, without quotes"
	case kindOf(flag) == reflect.Int:
		return "a whole number, without quotes"
	case kindOf(flag) == reflect.Slice && flag.Tag.Has("example"):
		return fmt.Sprintf(`a list of texts, such as %s = [%q]`, flag.Name, flag.Tag.Get("example"))
	case kindOf(flag) == reflect.Slice:
		return fmt.Sprintf(`a list of texts, such as %s = [%q]`, flag.Name, flag.PlaceHolder)
	case flag.Name == "log-level":
		return `"debug", "info", "warn" or "error"`
	}
	return `a text in quotes`
}

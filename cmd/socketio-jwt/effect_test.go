package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// independent are the flags of serve that always have an effect, or whose part says when they have
// none. A new flag belongs here or into dependencies.
var independent = strings.Fields(`
	addr origin trusted-proxy eio3 redis tls-cert tls-key metrics admin upstream-webhook no-login
	log-level log-format`)

// independentGroups are groups of flags that are independent, unless dependencies lists them.
var independentGroups = []string{"Limits", "Shutdown"}

func TestEachFlagHasAnEffect(t *testing.T) {
	parsed, err := parse(new(commandLine), []string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	var dependent []string
	for _, d := range dependencies {
		dependent = append(dependent, d.flags...)
	}
	for _, flag := range parsed.Flags() {
		if notInFile(flag) {
			continue
		}
		n := len(slices.DeleteFunc(slices.Clone(dependent), func(name string) bool { return name != flag.Name }))
		always := slices.Contains(independent, flag.Name) || n == 0 && flag.Group != nil && slices.Contains(independentGroups, flag.Group.Key)
		if always && n > 0 || !always && n != 1 {
			t.Errorf("--%s is in %d dependencies, and independent: %t", flag.Name, n, always)
		}
	}
	for _, name := range slices.Concat(dependent, independent) {
		if !slices.ContainsFunc(parsed.Flags(), func(flag *kong.Flag) bool { return flag.Name == name }) {
			t.Errorf("there is no flag --%s", name)
		}
	}
}

func TestFlagsWithoutAnEffect(t *testing.T) {
	key := writeFile(t, "key.txt", goodSecret+"\n")
	own := configured(t, "[[namespace]]\nname = \"/a\"\nmode = \"event\"\nsecret-file = \""+key+"\"\n")
	parsed, err := parse(new(commandLine), []string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range parsed.Flags() {
		for _, d := range dependencies {
			if !slices.Contains(d.flags, flag.Name) {
				continue
			}
			value := map[string]string{"redis-wire": "streams", "upstream-max-requests": "7"}[flag.Name]
			switch {
			case value != "":
			case flag.IsBool():
				value = "true"
			case strings.Contains(example(flag), "duration"):
				value = "7m"
			default:
				value = "x"
			}
			args := []string{"config", "check", "--" + flag.Name + "=" + value}
			if strings.HasPrefix(d.on, "a namespace") {
				args = append(args, "--config", own)
			}
			if strings.HasPrefix(d.on, "--max-packets") {
				args = append(args, "--max-packets-per-second=0", "--max-bytes-per-second=0")
			}
			runWith(t, "", args...).want(t, exitFailed, "", "--"+flag.Name+" has no effect without "+d.on)
			runWith(t, "", append([]string{"doctor"}, args[2:]...)...).want(t, exitRefused, "--"+flag.Name+" has no effect without "+d.on, "")
			if flag.HasDefault && flag.Default != "" {
				args[2] = "--" + flag.Name + "=" + flag.Default
				if o := runWith(t, "", args...); strings.Contains(o.err, "no effect") {
					t.Errorf("the default of --%s: %s", flag.Name, o.err)
				}
			}
		}
	}
}

func TestWhereFlagsWithoutAnEffectAre(t *testing.T) {
	file := configured(t, "fail-open = false\nredis-wire = \"classic\"\nmax-stale = \"1m\"\n")
	t.Setenv("SOCKETIO_JWT_ADMIN_SECRET", goodSecret)
	o := runWith(t, "", "config", "check", "--config", file)
	o.want(t, exitFailed, "", "--admin-secret (SOCKETIO_JWT_ADMIN_SECRET) has no effect without --admin HOST:PORT")
	if want := file + ":3: --max-stale has no effect without --redis URL"; !strings.Contains(o.err, want) || strings.Count(o.err, "no effect") != 2 {
		t.Errorf("%s, want %s, and nothing about fail-open and redis-wire", o.err, want)
	}
}

func TestKeysOfNamespacesWithoutAnEffect(t *testing.T) {
	for text, want := range map[string]string{
		"max-held = 5":                                 "max-held and max-held-per-address have no effect",
		"max-held-per-address = 5":                     "max-held and max-held-per-address have no effect",
		"attempts = 2":                                 "attempts has no effect",
		"attempts = 2\nguests = true":                  "",
		"attempts = 2\nmax-held = 5\nmode = \"event\"": "",
		"attempts = 1\nmax-held = 10000":               "",
	} {
		o := runWith(t, "", "config", "check", "--config", configured(t, "[[namespace]]\nname = \"/\"\n"+text+"\n"))
		if strings.Contains(o.err, "no effect") != (want != "") || !strings.Contains(o.err, want) {
			t.Errorf("%q: %s, want %q", text, o.err, want)
		}
	}
}

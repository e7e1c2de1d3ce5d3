package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// configured writes a configuration file and returns its name.
func configured(t *testing.T, text string) string {
	t.Helper()
	return writeFile(t, "c.toml", text)
}

// settings parses the flags of serve.
func settings(t *testing.T, args ...string) *serveCommand {
	t.Helper()
	c, err := readAgain(append([]string{"serve"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestFlagBeatsVariableBeatsFile checks the precedence, and where each value is said to be from.
func TestFlagBeatsVariableBeatsFile(t *testing.T) {
	file := configured(t, "shutdown-timeout = \"1m\"\nmax-rooms = 5\nmax-namespaces = 6\norigin = [\"https://a.example\", \"https://b.example\"]\ntrusted-proxy = \"10.0.0.0/8\"\neio3 = true\nlog-level = \"debug\"\n")
	t.Setenv("SOCKETIO_JWT_MAX_ROOMS", "7")
	t.Setenv("SOCKETIO_JWT_MAX_NAMESPACES", "8")
	c := settings(t, "--config", file, "--max-namespaces", "9")
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.ShutdownTimeout, c.MaxRooms, c.MaxNamespaces, c.Origin, c.Proxy, c.EIO3, c.LogLevel, c.MaxPayload)
	if want := "1m0s 7 9 [https://a.example https://b.example] [10.0.0.0/8] true DEBUG 1000000"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for name, want := range map[string]string{"shutdown-timeout": file + ":1", "max-rooms": "SOCKETIO_JWT_MAX_ROOMS", "max-namespaces": "flag", "max-payload": "default"} {
		if got := c.sources[name]; got != want {
			t.Errorf("%s is from %q, want %q", name, got, want)
		}
	}
	t.Setenv("SOCKETIO_JWT_CONFIG", file)
	if c := settings(t); c.ShutdownTimeout != time.Minute {
		t.Error("SOCKETIO_JWT_CONFIG is not read")
	}
}

// TestConfigCheck checks that each problem of a file is reported with its line, and that no
// secret is.
func TestConfigCheck(t *testing.T) {
	const secret = "sesame-sesame"
	for name, test := range map[string]struct{ text, want string }{
		"empty":                {"", ""},
		"unknown key":          {"\naudiense = \"chat\"\n", `:2: unknown key "audiense": did you mean audience?`},
		"far from any key":     {"colour_of_the_page = 1", `:1: unknown key "colour_of_the_page": the keys are the names of the flags`},
		"key of a command":     {"help = true", `unknown key "help"`},
		"itself":               {"config = \"x\"", `unknown key "config"`},
		"text for a number":    {"max-rooms = \"" + secret + "\"", ":1: max-rooms must be a whole number, without quotes"},
		"number for a time":    {"ping-interval = 30", `:1: ping-interval must be a duration in quotes`},
		"text for a time":      {"ping-interval = \"" + secret + "\"", `:1: ping-interval must be a duration in quotes`},
		"text for a bool":      {"eio3 = \"" + secret + "\"", ":1: eio3 must be true or false"},
		"number in a list":     {"origin = [1]", `:1: origin must be a list of texts, such as origin = ["https://app.example.com"]`},
		"prefix":               {"trusted-proxy = [\"" + secret + "\"]", `:1: trusted-proxy must be a list of texts, such as trusted-proxy = ["10.1.2.0/24"]`},
		"one of several":       {"redis-wire = \"" + secret + "\"", ":1: redis-wire must be one of classic, sharded, streams"},
		"level":                {"log-level = \"loud\"", `:1: log-level must be "debug"`},
		"empty text":           {"secret-file = \"\"", ":1: secret-file is empty"},
		"empty entry":          {"origin = [\"\"]", ":1: origin has an empty entry"},
		"table":                {"[limits]\nmax-rooms = 1", `:1: unknown key "limits"`},
		"secret":               {"secret = \"" + secret + "\"", ":1: secret is a secret, which this file must not hold: use secret-file, or the variable SOCKETIO_JWT_SECRET"},
		"secret of nodes":      {"cluster-key = \"" + secret + "\"", "cluster-key-file, or the variable SOCKETIO_JWT_CLUSTER_KEY"},
		"password":             {"redis = \"redis://:" + secret + "@localhost\"", ":1: redis has a password"},
		"password, bad URL":    {"redis = \"redis://:" + secret + "%zz@localhost\"", ":1: redis has a password"},
		"syntax":               {"addr = \"localhost:1\"\naddr " + secret + "\n", ":2: not TOML: "},
		"twice":                {"max-rooms = 1\nmax-rooms = 2\n", "not TOML: "},
		"two flags":            {"\nissuer = \"https://issuer.example\"\n", ":2: --issuer needs --audience"},
		"negative":             {"\n\nrecovery = \"-1s\"\n", ":3: --recovery must not be negative"},
		"limit":                {"max-new-bytes = 1\n", ":1: --max-new-bytes must be at least 16384"},
		"origin":               {"origin = \"https://a.example/path\"\n", ":1: --origin: \"https://a.example/path\" matches no request; write \"https://a.example\""},
		"address":              {"addr = \"9000\"\n", ":1: --addr 9000: it must be HOST:PORT"},
		"file of a secret":     {"secret-file = \"/no/such/file\"\n", ":1: --secret-file: open /no/such/file"},
		"namespace, one":       {"namespace = 1", ":1: namespace must be a list of tables"},
		"namespace, name":      {"[[namespace]]\nmode = \"event\"", ":1: name must be set"},
		"namespace, key":       {"[[namespace]]\nname = \"/\"\nroms = [\"sub=user:\"]", `:3: unknown key "roms": did you mean room?`},
		"namespace, mode":      {"[[namespace]]\nname = \"/\"\nmode = \"" + secret + "\"", ":3: mode must be one of handshake, event"},
		"namespace, secret":    {"[[namespace]]\nname = \"/\"\nsecret = \"" + secret + "\"", ":3: secret is a secret, which this file must not hold: use secret-file"},
		"namespace, source":    {"[[namespace]]\nname = \"/\"\nsource = [\"auth\"]", ":1: source \"auth\" must be auth:MEMBER"},
		"namespace, room":      {"[[namespace]]\nname = \"/\"\nroom = [\"sub\"]", ":1: room \"sub\" must be CLAIM=PREFIX"},
		"namespace, twice":     {"[[namespace]]\nname = \"/\"\n\n[[namespace]]\nname = \"/\"", ":4: name \"/\" is that of an earlier namespace"},
		"namespace, guests":    {"[[namespace]]\nname = \"/\"\nat-expiry = \"guest\"", ":1: at-expiry guest needs guests = true"},
		"namespace, rules":     {"[[namespace]]\nname = \"/\"\nleeway = \"1m\"", ":1: alg, leeway and the other rules for tokens have no effect"},
		"namespace, issuer":    {"[[namespace]]\nname = \"/\"\n\n[[namespace]]\nname = \"/a\"\nissuer = \"https://issuer.example\"", ":4: --issuer needs --audience"},
		"namespace, in a line": {"namespace = [{name = \"/\"}, {name = \"x\"}]", ":1: name must be set, and begin with a slash: \"x\""},
	} {
		t.Run(name, func(t *testing.T) {
			file := configured(t, test.text)
			o := runWith(t, "", "config", "check", "--config", file)
			if test.want == "" {
				o.want(t, exitGood, "valid", "")
				return
			}
			o.want(t, exitFailed, "", test.want)
			if strings.HasPrefix(test.want, ":") && !strings.Contains(o.err, file+test.want) {
				t.Errorf("%q has no line %q", o.err, file+test.want)
			}
			serve := runWith(t, "", "serve", "--config", file)
			serve.want(t, exitFailed, "", test.want)
			doctor := runWith(t, "", "doctor", "--config", file)
			if doctor.code != exitRefused {
				t.Errorf("doctor ends with %d: %s%s", doctor.code, doctor.out, doctor.err)
			}
			if all := o.out + o.err + serve.err + doctor.out + doctor.err; strings.Contains(all, secret) {
				t.Errorf("the value is in the output: %s", all)
			}
		})
	}
}

// TestConfigCheckReportsAll checks that all problems are reported at once, in the order of the
// lines.
func TestConfigCheckReportsAll(t *testing.T) {
	file := configured(t, "audiense = \"chat\"\nmax-rooms = \"1\"\n[[namespace]]\nmode = 1\n")
	o := runWith(t, "", "config", "check", "--config", file)
	var lines []string
	for line := range strings.Lines(o.err) {
		lines = append(lines, strings.TrimPrefix(strings.TrimSpace(line), file))
	}
	if len(lines) != 4 || !strings.HasPrefix(lines[0], ":1: unknown") || !strings.HasPrefix(lines[1], ":2: max-rooms") || !strings.HasPrefix(lines[2], ":4: mode") || !strings.HasPrefix(lines[3], ":3: name must") {
		t.Errorf("problems: %q", lines)
	}
	runWith(t, "", "config", "check", "--config", "/no/such/file").want(t, exitFailed, "", "--config: open /no/such/file")
	huge := filepath.Join(t.TempDir(), "huge.toml")
	if err := os.WriteFile(huge, make([]byte, maxDocument+1), 0o600); err != nil {
		t.Fatal(err)
	}
	runWith(t, "", "config", "check", "--config", huge).want(t, exitFailed, "", "has more than")
}

// TestConfigShow checks that the shown configuration is one, and that it hides secrets.
func TestConfigShow(t *testing.T) {
	t.Setenv("SOCKETIO_JWT_SECRET", goodSecret)
	t.Setenv("SOCKETIO_JWT_REDIS", "redis://:sesame@localhost:1")
	t.Setenv("SOCKETIO_JWT_CLUSTER_KEY", goodSecret)
	t.Setenv("SOCKETIO_JWT_UPSTREAM_WEBHOOK", "https://backend.example/hook?key=sesame")
	t.Setenv("SOCKETIO_JWT_UPSTREAM_SECRET_FILE", writeFile(t, "hook.txt", firstSecret))
	file := configured(t, "addr = \"localhost:9100\"\n[[namespace]]\nname = \"/a\"\nroom = [\"sub=user:\"]\n")
	o := runWith(t, "", "config", "show", "--config", file, "--origin", "https://a.example", "--recovery", "90s")
	for _, line := range []string{
		`addr = "localhost:9100"  # ` + file + ":1", `origin = ["https://a.example"]  # flag`, `recovery = "1m30s"  # flag`, `max-stale = "30s"  # default`,
		`upstream-webhook = "https://backend.example/hook?key=xxxxx"  # SOCKETIO_JWT_UPSTREAM_WEBHOOK`,
		"# secret is set, and not shown  # SOCKETIO_JWT_SECRET", `redis = "redis://:xxxxx@localhost:1"  # SOCKETIO_JWT_REDIS`, "[[namespace]]  # " + file + ":2", `room = ["sub=user:"]`,
	} {
		o.want(t, exitGood, line+"\n", "")
	}
	if strings.Contains(o.out, goodSecret) || strings.Contains(o.out, "sesame") {
		t.Errorf("a secret is shown: %s", o.out)
	}
}

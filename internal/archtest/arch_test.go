// Package archtest checks the architecture: which package may import which, which
// package hides which library, and that every package has a comment.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "socketiojwt"

// mayImport lists, for each package of the module, the others that its code
// may import. Test files are not checked. Packages below a listed one follow its line
// and may import it.
var mayImport = map[string][]string{
	".":                        {},
	"observe":                  {},
	"token":                    {},
	"token/jwks":               {"token", "observe"},
	"token/introspect":         {"token", "token/mint"},
	"token/profile":            {"token"},
	"token/tokentest":          {"token", "token/mint", "token/internal/privatekey", "internal/memnet"},
	"engineio":                 {},
	"socketio":                 {"engineio", "observe"},
	"socketio/client":          {"socketio", "internal/engineclient"},
	"socketio/sockettest":      {"socketio", "socketio/client", "internal/memnet"},
	"auth":                     {"token", "socketio", "observe"},
	"auth/authtest":            {"auth", "token", "token/mint"},
	"auth/denyfile":            {"auth", "token"},
	"auth/denyredis":           {"auth", "token"},
	"auth/logout":              {"auth", "token"},
	"admin":                    {"auth", "socketio", "token"},
	"console":                  {"auth", "socketio"},
	"metrics":                  {"auth", "engineio", "observe", "socketio", "token/introspect", "token/jwks", "upstream"},
	"redisbus":                 {"socketio", "observe"},
	"tracing":                  {"observe", "socketio"},
	"upstream":                 {"auth", "observe", "socketio", "token"},
	"webtransport":             {"engineio"},
	"cmd":                      nil, // everything
	"interop":                  nil,
	"examples":                 nil,
	"release":                  nil, // a module of its own
	"internal/accept":          {},
	"internal/alarm":           {},
	"internal/archtest":        {},
	"internal/circuit":         {},
	"internal/cputime":         {},
	"internal/engineclient":    {"internal/wirejson"}, // not a leaf: only clients need it
	"internal/buildversion":    {},
	"internal/display":         {},
	"internal/endpoint":        {},
	"internal/doctor":          {"engineio", "socketio", "token", "token/jwks"},
	"internal/footprint":       {},
	"internal/growth":          {"internal/cputime"},
	"internal/guard":           {},
	"internal/hidden":          {},
	"internal/leaktest":        {},
	"internal/limittest":       {},
	"internal/logtable":        {},
	"internal/logging":         {},
	"internal/mac":             {},
	"internal/memnet":          {},
	"internal/redistest":       {},
	"internal/tally":           {},
	"internal/turns":           {},
	"internal/turns/turnstest": {},
	"internal/wallclock":       {},
	"internal/doctest":         {},
	"internal/wirejson":        {},
}

// forTests lists the packages below internal/ that only tests, and packages for tests, may
// import. Every package may import each other package below internal/ that itself may
// import no package of the module.
var forTests = []string{"internal/archtest", "internal/cputime", "internal/leaktest", "internal/limittest", "internal/logtable", "internal/memnet", "internal/doctest", "internal/footprint", "internal/growth", "internal/redistest", "internal/turns/turnstest"}

// onlyIn lists the libraries that only certain files may import.
var onlyIn = map[string][]string{
	"github.com/gobwas/ws":               {"engineio/websocket.go", "engineio/websocket_deflate.go", "engineio/websocket_frames.go", "internal/engineclient/websocket.go"},
	"github.com/go-json-experiment/json": {"internal/wirejson/"},
	"github.com/golang-jwt/jwt":          {"token/"},
	"github.com/go-jose/go-jose":         {"token/"},
	"github.com/alecthomas/kong":         {"cmd/"},
	"github.com/pelletier/go-toml":       {"cmd/"},
	"github.com/coreos/go-systemd":       {"cmd/"},
	"go.etcd.io/bbolt":                   {"auth/denyfile/"},
	"github.com/prometheus/":             {"metrics/"},
	"go.opentelemetry.io/":               {"tracing/"},
	"github.com/quic-go/":                {"webtransport/"},
	"github.com/redis/rueidis":           {"redisbus/", "auth/denyredis/", "cmd/", "internal/doctor/", "examples/", "interop/"},
	"github.com/tinylib/msgp":            {"redisbus/internal/msgpack/"},
}

type file struct {
	path    string // from the root of the module, with slashes
	pkg     string // folder
	imports []string
	doc     bool
}

func TestImportsPointOneWay(t *testing.T) {
	for _, f := range files(t) {
		room, allowed, listed := lineOf(f.pkg)
		if !listed {
			t.Errorf("%s: package %s has no line in mayImport", f.path, f.pkg)
			continue
		}
		for _, imported := range f.imports {
			target, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			inside := target == room || strings.HasPrefix(target, room+"/") || strings.HasPrefix(target, "socketio/internal/") && strings.HasPrefix(room, "socketio")
			ok := allowed == nil || inside || isLeaf(target) || slices.ContainsFunc(allowed, func(a string) bool { return target == a })
			if !ok {
				t.Errorf("%s imports %s, which %s may not", f.path, target, room)
			}
		}
	}
}

func TestLibrariesStayHidden(t *testing.T) {
	for _, f := range files(t) {
		for _, imported := range f.imports {
			for library, places := range onlyIn {
				if !strings.HasPrefix(imported, library) {
					continue
				}
				if !slices.ContainsFunc(places, func(p string) bool { return strings.HasPrefix(f.path, p) }) {
					t.Errorf("%s imports %s, which only %v may import", f.path, imported, places)
				}
			}
		}
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range files(t) {
		documented[f.pkg] = documented[f.pkg] || f.doc
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", pkg)
		}
	}
}

// isLeaf reports whether every package may import pkg.
func isLeaf(pkg string) bool {
	allowed, listed := mayImport[pkg]
	return strings.HasPrefix(pkg, "internal/") && listed && allowed != nil && len(allowed) == 0 && !slices.Contains(forTests, pkg)
}

// lineOf finds the line of mayImport for a package: its own or the nearest above.
func lineOf(pkg string) (room string, allowed []string, listed bool) {
	for room = pkg; ; room = path.Dir(room) {
		if allowed, listed = mayImport[room]; listed && (room != "." || pkg == ".") {
			return room, allowed, true
		}
		if room == "." {
			return pkg, nil, false
		}
	}
}

// files parses the module's Go files except tests.
func files(t *testing.T) []file {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []file
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == "bench" || d.Name() == "node_modules" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && rel != "." {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		f := file{path: rel, pkg: path.Dir(rel), doc: strings.TrimSpace(parsed.Doc.Text()) != ""}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		all = append(all, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go files found")
	}
	return all
}

// The value of a panic may hold a token, so one package describes panics.
func TestOnlyGuardDescribesPanics(t *testing.T) {
	for _, f := range files(t) {
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(f.path)))
		if err != nil {
			t.Fatal(err)
		}
		if f.pkg != "internal/guard" && strings.Contains(string(text), "debug.Stack(") {
			t.Errorf("%s prints a stack of its own; use internal/guard", f.path)
		}
	}
}

var printing = regexp.MustCompile(`(?m)^func \(\w+ (\*?\w+)\) (String|Format|MarshalText|LogValue)\(`)

// A type that hides its fields from fmt hides them from encoders and from slog too
// (docs/adr/0046-hiding-values.md). One of the methods is easily forgotten, and then an
// encoder or a handler writes the fields.
func TestTypesThatHideTheirFieldsHideThemEverywhere(t *testing.T) {
	methods := map[string][]string{}
	for _, f := range files(t) {
		if f.pkg == "socketio/sockettest" { // its events show their arguments, for failing tests
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(f.path)))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range printing.FindAllStringSubmatch(string(text), -1) {
			methods[f.pkg+"."+m[1]] = append(methods[f.pkg+"."+m[1]], m[2])
		}
	}
	hiding := 0
	for name, has := range methods {
		if !slices.Contains(has, "Format") {
			continue
		}
		hiding++
		for _, method := range []string{"String", "MarshalText", "LogValue"} {
			if !slices.Contains(has, method) {
				t.Errorf("%s has Format and no %s with the same receiver; see internal/hidden", name, method)
			}
		}
	}
	if hiding < 10 {
		t.Errorf("%d types hide their fields", hiding)
	}
}

// A program compiles Prometheus and OpenTelemetry only if it imports the packages for them.
func TestOnlyMetricsAndTracingCompileTheirLibraries(t *testing.T) {
	for pkg, library := range map[string]string{
		"./socketio ./auth/... ./token/... ./redisbus ./engineio ./observe ./admin ./console ./upstream": "",
		"./metrics": "github.com/prometheus/client_golang/prometheus",
		"./tracing": "go.opentelemetry.io/otel/trace",
	} {
		list := exec.Command("go", append([]string{"list", "-deps"}, strings.Fields(pkg)...)...)
		list.Dir = filepath.Join("..", "..")
		out, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
		if library != "" && !strings.Contains(string(out), library+"\n") {
			t.Errorf("%s does not compile %s", pkg, library)
		}
		for _, not := range []string{"github.com/prometheus/", "go.opentelemetry.io/"} {
			if !strings.HasPrefix(library, not) && strings.Contains(string(out), not) {
				t.Errorf("%s compiles %s", pkg, not)
			}
		}
	}
}

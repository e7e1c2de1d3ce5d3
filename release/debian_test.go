package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// needs ends a test as failed if a program is missing.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is missing: scripts/test.sh installs it", program)
		}
	}
}

// The unit is checked with the program in its place, because systemd-analyze looks for it.
func TestUnits(t *testing.T) {
	needs(t, "systemd-analyze", "dpkg-deb")
	folder, _ := released(t)
	tree := t.TempDir()
	output(t, root, "dpkg-deb", "-x", one(t, folder, "*.deb"), tree)
	units := filepath.Join(tree, "lib/systemd/system")
	for _, name := range []string{"socketio-jwt.service", "socketio-jwt.socket"} {
		command := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", filepath.Join(units, name))
		command.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+units+":")
		out, err := command.CombinedOutput()
		// The program is not installed on this machine; TestPackage installs it.
		rest := strings.ReplaceAll(string(out), "socketio-jwt.service: Command /usr/bin/socketio-jwt is not executable: No such file or directory\n", "")
		if rest != "" {
			t.Errorf("%s: %v\n%s", name, err, rest)
		}
	}
	// From 0, the best, to 100. It was 12 in 2026.
	output(t, root, "systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", filepath.Join(units, "socketio-jwt.service"))
}

// TestPackage installs, runs, upgrades and purges the package under a systemd of its own.
func TestPackage(t *testing.T) {
	needs(t, "systemd-nspawn", "unshare", "dpkg")
	command := []string{"timeout", "120"} // seconds, for a machine that is busy; it takes about 10 s
	if os.Getuid() != 0 {
		needs(t, "sudo") // only root can install a package
		command = append([]string{"sudo"}, command...)
	}
	folder, _ := released(t)
	exchange := t.TempDir()
	output(t, root, "cp", one(t, folder, "*.deb"), exchange)
	output(t, root, "install", "-m", "755", "release/testdata/lifecycle.sh", filepath.Join(exchange, "script"))
	before := installed()
	command = append(command, "unshare", "--mount", "sh", "testdata/boot.sh", exchange)
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
	log, _ := os.ReadFile(filepath.Join(exchange, "log"))
	if err != nil || !strings.HasSuffix(string(log), "passed\n") {
		t.Errorf("the container: %v\n%s\nthe script:\n%s", err, out, log)
	}
	if after := installed(); after != before {
		t.Errorf("this machine has changed: %s, before: %s", after, before)
	}
}

// installed lists what this machine has of the package.
func installed() string {
	out, _ := exec.Command("sh", "-c", "dpkg -l socketio-jwt; getent passwd socketio-jwt; ls -d /etc/socketio-jwt /lib/systemd/system/socketio-jwt.* /usr/bin/socketio-jwt").CombinedOutput()
	return string(out)
}

package release

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// TestInstalledSize checks that the size does not depend on the file system of the build: each file counts in whole KiB,
// and everything else as one.
func TestInstalledSize(t *testing.T) {
	needs(t, "dpkg-deb")
	folder, _ := released(t)
	file, tree := one(t, folder, "*.deb"), t.TempDir()
	output(t, root, "dpkg-deb", "-x", file, tree)
	want := int64(-1) // without the root
	err := filepath.WalkDir(tree, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			want += (info.Size() + 1023) / 1024
		} else {
			want++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(output(t, root, "dpkg-deb", "-f", file, "Installed-Size")); got != strconv.FormatInt(want, 10) {
		t.Errorf("Installed-Size %s, want %d", got, want)
	}
}

// TestPackage installs, runs, upgrades and purges the package under a systemd of its own.
func TestPackage(t *testing.T) {
	needs(t, "systemd-nspawn", "unshare", "dpkg")
	command := []string{"timeout", "600"} // seconds, for a machine that is busy; it takes about 10 s
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

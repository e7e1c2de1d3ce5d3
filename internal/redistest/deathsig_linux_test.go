package redistest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// crash makes TestChildThatCrashes start a server and panic.
const crash = "REDISTEST_CRASH"

func TestServerEndsWithACrashedProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestChildThatCrashes$", "-test.v")
	cmd.Env = append(os.Environ(), crash+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("it did not crash\n%s", out)
	}
	_, rest, ok := strings.Cut(string(out), "server ")
	pid, _, _ := strings.Cut(rest, "\n")
	if _, err := strconv.Atoi(pid); !ok || err != nil {
		t.Fatalf("no process in %s", out)
	}
	Eventually(t, "the server of the crashed process ends", func() bool {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}

func TestChildThatCrashes(t *testing.T) {
	if os.Getenv(crash) == "" {
		return
	}
	fmt.Println("server", Start(t).PID())
	go panic("crash")
	select {}
}

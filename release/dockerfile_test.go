package release

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Docker does not run where these tests do. They check what the last stage of the Dockerfile says.
func TestImageHasNoShellAndNoRoot(t *testing.T) {
	text := strings.ReplaceAll(read(t, filepath.Join(root, "Dockerfile")), "\\\n", " ")
	_, last, ok := strings.Cut(text, "\nFROM scratch\n")
	if !ok || strings.Contains(last, "\nFROM ") {
		t.Fatal("the last stage is not FROM scratch")
	}
	instructions := map[string][]string{}
	for line := range strings.Lines(last) {
		if name, rest, _ := strings.Cut(strings.TrimSpace(line), " "); name != "" && name != "#" {
			instructions[name] = append(instructions[name], rest)
		}
	}
	for name := range instructions {
		switch name {
		case "COPY", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD":
		default:
			t.Errorf("%s in an image without a shell", name)
		}
	}
	user := strings.Join(instructions["USER"], " ")
	if !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("USER %s: Kubernetes needs numbers to see that it is not root", user)
	}
	_, check, _ := strings.Cut(strings.Join(instructions["HEALTHCHECK"], ""), " CMD ")
	for _, command := range []string{check, strings.Join(instructions["ENTRYPOINT"], ""), strings.Join(instructions["CMD"], "")} {
		var words []string // without them, Docker would start a shell
		if err := json.Unmarshal([]byte(command), &words); err != nil || len(words) == 0 {
			t.Errorf("command %q is not a list of words: %v", command, err)
		}
	}
	if !strings.Contains(check, `"/socketio-jwt", "health"`) {
		t.Errorf("HEALTHCHECK %q", check)
	}
}

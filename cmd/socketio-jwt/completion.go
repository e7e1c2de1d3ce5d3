package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"socketiojwt/token"
)

// completionCommand prints a script that makes a shell complete the command line.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown by --help.
func (completionCommand) Help() string {
	return `The script runs socketio-jwt, which must be in PATH, to find the words that fit.

Examples:

    source <(socketio-jwt completion bash)
    socketio-jwt completion zsh > "${fpath[1]}/_socketio-jwt"
    socketio-jwt completion fish > ~/.config/fish/completions/socketio-jwt.fish`
}

// completionScripts call the command complete with the words up to the cursor. If it prints
// nothing, they complete file names.
var completionScripts = map[string]string{
	"bash": `_socketio_jwt() {
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "$(socketio-jwt complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _socketio_jwt socketio-jwt
`,
	"zsh": `#compdef socketio-jwt
_socketio_jwt() {
    local -a found
    found=(${(f)"$(socketio-jwt complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( ${#found} )); then compadd -a found; return; fi
    compset -P '--*='
    _files
}
# zsh runs this file as the function _socketio-jwt when it completes for the first time.
if [[ $funcstack[1] == _socketio-jwt ]]; then _socketio_jwt "$@"; else compdef _socketio_jwt socketio-jwt; fi
`,
	"fish": `function __socketio_jwt_words
    socketio-jwt complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
complete -c socketio-jwt -n 'count (__socketio_jwt_words) >/dev/null' -f -a '(__socketio_jwt_words)'
`,
}

// Run prints the script.
func (c *completionCommand) Run(t terminal) error {
	_, err := fmt.Fprint(t.out, completionScripts[c.Shell])
	return err
}

// completeCommand prints the completions of the last word.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// Run prints one completion per line.
func (c *completeCommand) Run(parser *kong.Kong, t terminal) error {
	words := slices.DeleteFunc(slices.Clone(c.Words), func(word string) bool {
		return word == "--" || word == "=" // bash splits --alg=HS256 into three words
	})
	for _, candidate := range completions(parser.Model.Node, words) {
		if _, err := fmt.Fprintln(t.out, candidate); err != nil {
			return err
		}
	}
	return nil
}

// completions returns the completions of the last word, given the words before it.
func completions(node *kong.Node, words []string) (candidates []string) {
	last := ""
	if len(words) > 0 {
		words, last = words[:len(words)-1], words[len(words)-1]
	}
	prefix := "" // of each candidate, because zsh and fish pass --alg=HS256 as one word
	if name, value, ok := strings.Cut(last, "="); ok && strings.HasPrefix(name, "--") {
		prefix = name + "="
		words, last = append(slices.Clone(words), name), value
	}
	flags := slices.Clone(node.Flags)
	var open *kong.Flag // the next word is its value
	for _, word := range words {
		if open != nil {
			open = nil
			continue
		}
		if name, ok := strings.CutPrefix(word, "--"); ok {
			if i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == name }); i >= 0 && !flags[i].IsBool() {
				open = flags[i]
			}
			continue
		}
		if i := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word }); i >= 0 {
			node = node.Children[i]
			flags = append(flags, node.Flags...)
		}
	}
	switch {
	case open != nil:
		candidates = valuesOf(open.Value)
	case prefix != "": // a flag that is unknown or takes no value
	case strings.HasPrefix(last, "-"):
		for _, flag := range flags {
			if !flag.Hidden {
				candidates = append(candidates, "--"+flag.Name)
			}
		}
	default:
		for _, child := range node.Children {
			if !child.Hidden {
				candidates = append(candidates, child.Name)
			}
		}
		for _, argument := range node.Positional {
			candidates = append(candidates, valuesOf(argument)...)
		}
	}
	candidates = slices.DeleteFunc(candidates, func(candidate string) bool { return !strings.HasPrefix(candidate, last) })
	slices.Sort(candidates)
	for i := range candidates {
		candidates[i] = prefix + candidates[i]
	}
	return candidates
}

// valuesOf returns the values that a flag or an argument can have, nil if any value is
// possible.
func valuesOf(value *kong.Value) []string {
	switch {
	case value.Enum != "":
		return value.EnumSlice()
	case value.Name == "alg":
		return algorithmNames()
	case value.Name == "profile":
		return profileNames()
	case value.Name == "log-level":
		return []string{"debug", "info", "warn", "error"}
	}
	return nil
}

// algorithms lists the values of --alg.
var algorithms = []token.Algorithm{
	token.HS256, token.HS384, token.HS512, token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512,
	token.ES256, token.ES384, token.ES512, token.EdDSA, token.Ed25519,
}

func algorithmNames() (names []string) {
	for _, alg := range algorithms {
		names = append(names, string(alg))
	}
	return names
}

// checkAlgorithm returns an error unless alg is empty or a supported algorithm.
func checkAlgorithm(alg string) error {
	if alg == "" || slices.Contains(algorithms, token.Algorithm(alg)) {
		return nil
	}
	return fmt.Errorf("--alg %.32q is not a supported algorithm: use one of %s", alg, strings.Join(algorithmNames(), ", "))
}

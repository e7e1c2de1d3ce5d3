package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const variablePrefix = "SOCKETIO_JWT_"

// ofOrchestrators matches the variables that Kubernetes and Docker set for a service
// named socketio-jwt.
var ofOrchestrators = regexp.MustCompile(`^SOCKETIO_JWT_(NAME|SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_.*)?|ENV_.*)$`)

// checkEnvironment returns an error for variables with the prefix of this command that no
// flag reads: a misspelled SOCKETIO_JWT_AUDIENCE must not mean that any audience is accepted.
func checkEnvironment(parser *kong.Kong, command string, environment []string) error {
	switch command {
	case "version", "completion <shell>", "complete", "complete <words>":
		return nil
	}
	known := variables(parser.Model.Node)
	var unknown []error
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, variablePrefix) || slices.Contains(known, name) || ofOrchestrators.MatchString(name) {
			continue
		}
		err := fmt.Errorf("unknown variable %s in the environment", name)
		if nearest := nearest(name, known); nearest != "" {
			err = fmt.Errorf("%w: did you mean %s?", err, nearest)
		}
		unknown = append(unknown, err)
	}
	slices.SortFunc(unknown, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return joined(unknown...)
}

// variables returns the variables that the flags of a command and its subcommands read.
func variables(node *kong.Node) (names []string) {
	for _, flag := range node.Flags {
		names = append(names, flag.Envs...)
	}
	for _, child := range node.Children {
		names = append(names, variables(child)...)
	}
	return names
}

// nearest returns the most similar of names, empty if none is close.
func nearest(name string, names []string) (found string) {
	least := min(5, len(name)/2+1) // a short name is close to many
	for _, candidate := range names {
		if d := editDistance(name, candidate); d < least {
			least, found = d, candidate
		}
	}
	return found
}

// editDistance returns the Levenshtein distance.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substituted := diagonal
			if a[i] != b[j] {
				substituted++
			}
			diagonal = row[j+1]
			row[j+1] = min(substituted, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

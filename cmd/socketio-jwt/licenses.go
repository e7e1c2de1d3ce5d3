package main

import (
	_ "embed"
	"strings"
)

//go:generate go run -C ../../release ./licenses

// licenses holds the modules that this program is built from, on any of the systems of a release,
// one a line with its license, and after an empty line the texts. It is generated, and a test of
// the release compares it with the modules.
//
//go:embed licenses.txt
var licenses string

// standardLibrary is what licenses call the library of Go.
const standardLibrary = "std"

// licensesByModule returns the SPDX expressions of the modules, by their paths.
func licensesByModule() map[string]string {
	list, _, _ := strings.Cut(licenses, "\n\n")
	expressions := map[string]string{}
	for line := range strings.Lines(list) {
		if module, expression, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			expressions[module] = expression
		}
	}
	return expressions
}

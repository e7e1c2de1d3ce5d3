package main

import (
	"os"
	"testing"
)

func TestLicensesAreThoseOfTheModules(t *testing.T) {
	want, err := collect("../..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../cmd/socketio-jwt/licenses.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("cmd/socketio-jwt/licenses.txt is not that of the modules: run go generate ./cmd/socketio-jwt")
	}
}

func TestUnknownLicenseIsNotRecognized(t *testing.T) {
	if found := recognize("You may use this on Sundays."); found != nil {
		t.Errorf("recognized %v", found)
	}
	text := "Redistributions in binary form must reproduce\n * the above copyright notice"
	if found := recognize(text); found != nil { // the asterisk is not part of the phrase
		t.Errorf("recognized %v", found)
	}
}

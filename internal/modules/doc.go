// Package modules tests what the modules of this repository bring into a program that imports them.
package modules

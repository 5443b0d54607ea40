// Package houserules has tests that keep the limits on the size of packages, files and functions, and the order in
// which packages may import each other, in every module of this repository.
package houserules

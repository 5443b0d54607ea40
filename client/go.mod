module github.com/tokenboard/tokenboard/client

go 1.26.0

module github.com/vmtap/vmtap

go 1.26

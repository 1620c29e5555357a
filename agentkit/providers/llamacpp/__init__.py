"""A model file on this machine, served by llama.cpp: "llamacpp:path/to/model.gguf" (extra `local`).

llama.cpp's own server runs as a child process on a free port of the loopback address. It starts with the first request,
is shared by all models of this process that name the same file and options, and never outlives the process.
"""

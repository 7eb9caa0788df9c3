"""A peer that vanishes: sends a request, reads the first bytes of the response, then neither acknowledges nor sends.

Usage: vanished-peer.py PORT REQUEST. Prints "vanished" when it has. A filter on its own socket drops every packet that
arrives, so that the kernel never sees them; nothing of it needs privileges.
"""
import ctypes, socket, struct, sys, time

SO_ATTACH_FILTER = 26
port, request = int(sys.argv[1]), sys.argv[2].encode().decode("unicode_escape").encode("latin-1")
peer = socket.create_connection(("127.0.0.1", port))
peer.sendall(request)
peer.recv(65536)
accept_nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
program = struct.pack("HL", 1, ctypes.addressof(accept_nothing))
peer.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
print("vanished", flush=True)
time.sleep(600)

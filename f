a: b

c
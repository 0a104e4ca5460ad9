"""Where text lives in each API's messages: one module of tables per API, no code per provider."""

"""Look-alikes of Telegram and of Kit over real HTTP: the other end of the demo and of the tests."""

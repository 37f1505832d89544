"""The whole charger against an emulated cabinet and a central system, in processes of their own."""

"""What comes from elsewhere: other programs' names, bundles of other units, boards and brands."""

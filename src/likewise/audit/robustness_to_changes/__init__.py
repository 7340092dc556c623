"""Does the search still work on changed photos?"""
